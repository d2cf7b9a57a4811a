#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "flow/conv1x1.h"
#include "flow/conv_normal.h"
#include "flow/coupling.h"

namespace densehybrid {

// Whole numbers 0…255 become continuous: z = (x + u) / 256 with u in [0, 1).
class Dequantization {
 public:
  virtual ~Dequantization() = default;
  // `log_det`: −D·ln 256 − ln q(u | x).
  virtual FlowStep forward(const at::Tensor& x, FlowContext& context) const = 0;
};

// u ~ U[0, 1), ln q = 0.
class UniformDequantization : public Dequantization {
 public:
  UniformDequantization(StateDict& state, const std::string& prefix);
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override;

 private:
  at::Tensor log_det_per_dimension_;  // −ln 256
};

// u from a conditional flow of its own: noise at half the resolution passes four 1×1 convolutions with couplings, which
// see features of x, a last 1×1 convolution and a sigmoid.
class VariationalDequantization : public Dequantization {
 public:
  VariationalDequantization(StateDict& state, const std::string& prefix, int64_t depth, int64_t growth);
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override;

 private:
  at::Tensor features(const at::Tensor& x, const ForwardContext& context) const;

  at::Tensor log_det_per_dimension_;  // −ln 256
  ConvNormal base_;
  std::vector<InvertibleConv1x1> rotations_;
  std::vector<std::unique_ptr<AffineCoupling>> couplings_;
  at::Tensor temperature_;
  std::vector<DenseLayers> context_layers_;  // before and after the strided convolution
  std::optional<Conv2d> halve_;
};

// ⌊256·z⌋ as bytes, values outside of [0, 1) at the nearest end. Without gradient.
at::Tensor quantise(const at::Tensor& continuous);

}  // namespace densehybrid
