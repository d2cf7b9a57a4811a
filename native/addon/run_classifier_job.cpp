#include "run_classifier_job.h"

#include "addon_data.h"
#include "convert.h"
#include "errors.h"
#include "models/classifier.h"

namespace densehybrid::addon {

Napi::Value run_classifier_job(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw_invalid(info.Env(), "Expected a string for name.");
  std::vector<Napi::ObjectReference> references;
  const std::string name = info[0].As<Napi::String>();
  const NamedTensors state = tensors_argument(info[1], "state", references);
  const TensorView image = tensor_argument(info[2], "image", references);
  if (image.dtype != at::kFloat || image.shape.size() != 4 || image.shape[1] != 3) {
    throw_invalid(info.Env(), "Expected image as Float32Array N×3×H×W.");
  }
  return run_async<NamedTensors>(
      info.Env(), std::move(references), nullptr,
      [=](const CancelToken&) { return run_classifier(name, state, image.tensor()); },
      [](Napi::Env env, NamedTensors& result) -> Napi::Value { return to_js(env, result); });
}

}  // namespace densehybrid::addon
