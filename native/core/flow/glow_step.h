#pragma once

#include "flow/actnorm.h"
#include "flow/channel_switch.h"
#include "flow/conv1x1.h"
#include "flow/coupling.h"

namespace densehybrid {

// One step of a dense block (as in Glow, Kingma & Dhariwal 2018): ActNorm → invertible 1×1 convolution → affine coupling
// → channel switch.
//
// Without gradients the first two are one matrix product, the last two one pass over the pixels:
//   forward  W · diag(e^−l) · (x − shift),  inverse  diag(e^l) · W⁻¹ · z + shift,  l = log_scale
// The matrices and the log-determinant are kept until a weight changes.
class GlowStep : public Bijection {
 public:
  GlowStep(StateDict& state, const std::string& prefix, int64_t channels, const CouplingNetSpec& net);
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override;
  at::Tensor inverse(const at::Tensor& z, FlowContext& context) const override;

  const ActNorm& norm() const { return norm_; }

 private:
  at::Tensor matrix() const;           // C×C
  at::Tensor inverse_matrix() const;   // C×C
  at::Tensor log_det_of_pixel() const;  // scalar, float64
  at::Tensor kept(const WeightCache& cache, at::ScalarType dtype, const std::function<at::Tensor()>& make) const;

  ActNorm norm_;
  InvertibleConv1x1 rotation_;
  AffineCoupling coupling_;
  ChannelSwitch switch_;
  WeightCache matrix_;
  WeightCache inverse_matrix_;
  WeightCache log_det_;
};

}  // namespace densehybrid
