#pragma once

#include <memory>

#include "napi_config.h"
#include "training/flow_trainer.h"

namespace densehybrid::addon {

// NativeFlowTrainer of lib/binding/native.ts.
class FlowTrainerWrap : public Napi::ObjectWrap<FlowTrainerWrap> {
 public:
  static void define(Napi::Env env);
  static Napi::Value create(const Napi::CallbackInfo& info);  // createFlowTrainer(flow, options)

  explicit FlowTrainerWrap(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<FlowTrainer> trainer(Napi::Env env) const;

  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value steps(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<FlowTrainer> trainer_;
};

// The options betas and eps.
AdamaxOptions adamax_options(const Napi::Object& options);

}  // namespace densehybrid::addon
