#include "draws_argument.h"

#include "errors.h"

namespace densehybrid::addon {

std::function<Draws()> draws_argument(const Napi::Object& options, std::vector<Napi::ObjectReference>& references) {
  const Napi::Value draws = options.Get("draws");
  if (draws.IsUndefined()) {
    const auto seed = static_cast<uint64_t>(required_number(options, "seed"));
    return [seed] { return Draws(seed); };
  }
  if (!draws.IsArray()) throw_invalid(options.Env(), "Expected an array of tensors for draws.");
  std::vector<TensorView> views;
  const auto array = draws.As<Napi::Array>();
  for (uint32_t i = 0; i < array.Length(); ++i) {
    views.push_back(tensor_argument(array.Get(i), "draws[" + std::to_string(i) + "]", references));
  }
  return [views] {
    std::vector<at::Tensor> given;
    for (const TensorView& view : views) given.push_back(view.tensor());
    return Draws(std::move(given));
  };
}

TensorView patches_argument(const Napi::Value& value, std::vector<Napi::ObjectReference>& references) {
  TensorView patches = tensor_argument(value, "patches", references);
  if (patches.dtype != at::kByte || patches.shape.size() != 4 || patches.shape[3] != 3 || patches.shape[0] < 1) {
    throw_invalid(value.Env(), "Expected patches as Uint8Array N×H×W×3.");
  }
  return patches;
}

}  // namespace densehybrid::addon
