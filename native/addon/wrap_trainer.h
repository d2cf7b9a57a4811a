#pragma once

#include <memory>

#include "napi_config.h"
#include "training/trainer.h"

namespace densehybrid::addon {

// NativeTrainer of lib/binding/native.ts.
class TrainerWrap : public Napi::ObjectWrap<TrainerWrap> {
 public:
  static void define(Napi::Env env);
  static Napi::Value create(const Napi::CallbackInfo& info);  // createTrainer(model, options)

  explicit TrainerWrap(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<Trainer> trainer(Napi::Env env) const;

  Napi::Value step(const Napi::CallbackInfo& info);
  Napi::Value steps(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value load(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<Trainer> trainer_;
};

}  // namespace densehybrid::addon
