#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "io/safetensors.h"

namespace densehybrid {

// What the optimisers share: global gradients, and a state of named tensors.

// Euclidean norm over all of them; 0 when there is none.
double global_norm(const std::vector<at::Tensor>& gradients);
void scale_all(const std::vector<at::Tensor>& gradients, double factor);

// Throws Error ARCHITECTURE_MISMATCH where `tensors` lack one of `state`, or have it in another shape; `owner` is "model"
// or "flow".
void check_optimizer_state(const NamedTensors& state, const NamedTensors& tensors, const std::string& owner);
// Checks, then copies `tensors` into those of `state`.
void load_optimizer_state(const NamedTensors& state, const NamedTensors& tensors, const std::string& owner);

}  // namespace densehybrid
