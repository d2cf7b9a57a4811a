#pragma once

#include <functional>

#include "convert.h"
#include "flow/draws.h"

namespace densehybrid::addon {

// The random numbers of a job: the option `seed`, or the tensors of the option `draws` in order.
std::function<Draws()> draws_argument(const Napi::Object& options, std::vector<Napi::ObjectReference>& references);

// Patches as Uint8Array N×H×W×3; throws otherwise.
TensorView patches_argument(const Napi::Value& value, std::vector<Napi::ObjectReference>& references);

// Uint8 N×H×W×3 → N×3×H×W over the same memory.
inline at::Tensor as_images(const TensorView& patches) { return patches.tensor().permute({0, 3, 1, 2}); }

}  // namespace densehybrid::addon
