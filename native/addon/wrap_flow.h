#pragma once

#include <memory>

#include "flow/dense_flow.h"
#include "napi_config.h"

namespace densehybrid::addon {

// NativeFlow of lib/binding/native.ts.
class FlowWrap : public Napi::ObjectWrap<FlowWrap> {
 public:
  static void define(Napi::Env env);
  static Napi::Value create(const Napi::CallbackInfo& info);  // createFlow(config)
  static Napi::Value list_architectures(const Napi::CallbackInfo& info);
  // The flow behind a JS value; throws when it is none, or disposed.
  static std::shared_ptr<DenseFlow> from(const Napi::Value& value);

  explicit FlowWrap(const Napi::CallbackInfo& info);

 private:
  std::shared_ptr<DenseFlow> flow(Napi::Env env) const;
  std::shared_ptr<StateDict> state(Napi::Env env) const;

  Napi::Value parameter_count(const Napi::CallbackInfo& info);
  Napi::Value reduction(const Napi::CallbackInfo& info);
  Napi::Value initialised(const Napi::CallbackInfo& info);
  Napi::Value config(const Napi::CallbackInfo& info);
  Napi::Value log_prob(const Napi::CallbackInfo& info);
  Napi::Value sample(const Napi::CallbackInfo& info);
  Napi::Value initialise(const Napi::CallbackInfo& info);
  Napi::Value reconstruction_error(const Napi::CallbackInfo& info);
  Napi::Value tensor_names(const Napi::CallbackInfo& info);
  Napi::Value tensors(const Napi::CallbackInfo& info);
  Napi::Value load_tensors(const Napi::CallbackInfo& info);
  Napi::Value load_weights(const Napi::CallbackInfo& info);
  Napi::Value save(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<DenseFlow> flow_;
};

// flowLayer(layer, options, state, input): one layer by itself, see flow/flow_layer.h.
Napi::Value run_flow_layer_job(const Napi::CallbackInfo& info);

}  // namespace densehybrid::addon
