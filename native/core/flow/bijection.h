#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "flow/draws.h"
#include "models/layers.h"

namespace densehybrid {

// What a pass through a flow needs beside its input. In training a BatchNorm uses batch statistics, and an ActNorm that
// is not initialised takes its shift and scale from the batch; otherwise such an ActNorm is an error.
struct FlowContext : ForwardContext {
  explicit FlowContext(Draws& source, bool is_training = false) : draws(source) {
    training = is_training;
    batch_norm_momentum = 0.1;
  }
  Draws& draws;
  std::vector<at::Tensor>* dropped = nullptr;  // the channels that leave at transitions, in order, when wanted
};

// A value and ln |det ∂value/∂x| (or its stochastic counterpart, a summand of the likelihood bound) of every patch.
struct FlowStep {
  at::Tensor value;    // N×C×H×W
  at::Tensor log_det;  // N, float64: small terms must not drown in a sum over thousands of dimensions
};

// One step of a flow. forward: data → noise; inverse: noise → data.
class Bijection {
 public:
  virtual ~Bijection() = default;
  virtual FlowStep forward(const at::Tensor& x, FlowContext& context) const = 0;
  virtual at::Tensor inverse(const at::Tensor& z, FlowContext& context) const = 0;
};

// Sum over all but the first dimension, N, float64.
at::Tensor sum_per_patch(const at::Tensor& x);

// N copies of a scalar, float64; the scalar keeps its graph.
at::Tensor for_every_patch(const at::Tensor& scalar, int64_t patches);
at::Tensor no_log_det(const at::Tensor& x);

// ln N(x; 0, I) of every patch.
at::Tensor standard_normal_log_prob(const at::Tensor& x);

// The log-scale of every affine step: 2·tanh(u/2), between −2 and 2 whatever u is.
at::Tensor bounded_log_scale(const at::Tensor& unconstrained);

}  // namespace densehybrid
