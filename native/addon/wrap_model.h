#pragma once

#include <memory>

#include "convert.h"
#include "models/registry.h"
#include "napi_config.h"

namespace densehybrid::addon {

// NativeModel of lib/binding/native.ts.
class ModelWrap : public Napi::ObjectWrap<ModelWrap> {
 public:
  static void define(Napi::Env env);
  static Napi::Value create(const Napi::CallbackInfo& info);         // createModel(config)
  // createScriptedModel(config, source): { model, report }
  static Napi::Value create_scripted(const Napi::CallbackInfo& info);
  static Napi::Value list_architectures(const Napi::CallbackInfo& info);
  // The model behind a JS value; throws when it is none, or disposed.
  static std::shared_ptr<SegmentationModel> from(const Napi::Value& value);

  explicit ModelWrap(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<SegmentationModel> model(Napi::Env env) const;
  std::shared_ptr<StateDict> state(Napi::Env env) const;

  Napi::Value parameter_count(const Napi::CallbackInfo& info);
  Napi::Value config(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value segment(const Napi::CallbackInfo& info);
  Napi::Value tensor_names(const Napi::CallbackInfo& info);
  Napi::Value tensor_shapes(const Napi::CallbackInfo& info);
  Napi::Value tensors(const Napi::CallbackInfo& info);
  Napi::Value load_tensors(const Napi::CallbackInfo& info);
  Napi::Value load_weights(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<SegmentationModel> model_;
};

// NativeModelConfig; throws otherwise.
ModelConfig config_argument(const Napi::Value& value);

// Uint8 N×H×W×3 or float32 N×3×H×W; throws otherwise.
void check_images(Napi::Env env, const TensorView& images);

}  // namespace densehybrid::addon
