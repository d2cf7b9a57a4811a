#pragma once

#include "flow/bijection.h"

namespace densehybrid {

// z = (x − shift) · exp(−log_scale) per channel. The first batch in training sets shift and scale so that z has mean 0
// and (unbiased) standard deviation 1.
class ActNorm : public Bijection {
 public:
  ActNorm(StateDict& state, const std::string& prefix, int64_t channels);
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override;
  at::Tensor inverse(const at::Tensor& z, FlowContext& context) const override;

  const at::Tensor& shift() const { return shift_; }
  const at::Tensor& log_scale() const { return log_scale_; }
  const at::Tensor& initialised_flag() const { return initialised_; }
  bool initialised() const;
  void require_initialised() const;  // throws Error
  void reset() const;

 private:
  void initialise(const at::Tensor& x) const;

  std::string prefix_;
  at::Tensor shift_;      // 1×C×1×1
  at::Tensor log_scale_;  // 1×C×1×1
  at::Tensor initialised_;
};

}  // namespace densehybrid
