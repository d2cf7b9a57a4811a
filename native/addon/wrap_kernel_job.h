#pragma once

#include <functional>
#include <memory>

#include "napi_config.h"

namespace densehybrid::addon {

// A kernel with its tensors in place on a device and in a dtype, to be run again and again by benchmarks.
struct KernelJob {
  std::function<void()> run;          // on CUDA: only started
  std::function<void()> synchronize;  // waits for what was started
  std::function<Napi::Value(Napi::Env)> result;  // of the last run, as the function of the same name gives it
};

// NativeKernelJob of lib/binding/native.ts.
class KernelJobWrap : public Napi::ObjectWrap<KernelJobWrap> {
 public:
  static void define(Napi::Env env);
  static Napi::Value prepare_score(const Napi::CallbackInfo& info);  // prepareHybridScore(logits, oodLogits, options, setting)
  static Napi::Value prepare_loss(const Napi::CallbackInfo& info);   // prepareHybridLoss(logits, oodLogits, labels, options, setting)

  explicit KernelJobWrap(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<KernelJob> job(Napi::Env env) const;
  Napi::Value run(const Napi::CallbackInfo& info);
  Napi::Value result(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<KernelJob> job_;
};

}  // namespace densehybrid::addon
