#pragma once

#include "flow/bijection.h"
#include "flow/coupling_net.h"

namespace densehybrid {

// z = [x1, t + exp(s) · x2] with s, t from a net of x1, the first ⌈C/2⌉ channels. The net's output alternates: channel
// 2j is the unconstrained scale of x2[j], channel 2j + 1 its shift.
class AffineCoupling : public Bijection {
 public:
  // `context_channels` of a map that conditions the net beside x1; 0: none. `net` is what the state dict calls the net.
  AffineCoupling(StateDict& state, const std::string& prefix, int64_t channels, CouplingNetSpec spec,
                 int64_t context_channels = 0, const std::string& net = "coupling_net.0.dn.");
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override { return conditioned(x, {}, context); }
  FlowStep conditioned(const at::Tensor& x, const at::Tensor& condition, FlowContext& context) const;
  at::Tensor inverse(const at::Tensor& z, FlowContext& context) const override;

  // The coupling and the ChannelSwitch after it, and back, without gradients (takes_fused_path).
  FlowStep fused(const at::Tensor& x, FlowContext& context) const;
  at::Tensor fused_inverse(const at::Tensor& z, FlowContext& context) const;

 private:
  struct Parameters {
    at::Tensor log_scale;
    at::Tensor shift;
  };
  Parameters parameters(const at::Tensor& kept, const at::Tensor& condition, FlowContext& context) const;

  int64_t kept_;
  int64_t changed_;
  CouplingNet net_;
};

}  // namespace densehybrid
