#include "flow/transition.h"

#include <ATen/ops/cat.h>

#include "flow/squeeze.h"

namespace densehybrid {

// dist.buffer holds nothing; state dicts of the authors' release carry it.
Transition::Transition(StateDict& state, const std::string& prefix) {
  state.add_constant(prefix + "dist.buffer", {1}, 0.0, false);
}

FlowStep Transition::forward(const at::Tensor& x, FlowContext& context) const {
  const at::Tensor squeezed = squeeze2d(x);
  const int64_t kept = squeezed.size(1) / 2;
  const at::Tensor leaving = squeezed.narrow(1, kept, kept);
  if (context.dropped != nullptr) context.dropped->push_back(leaving);
  return {squeezed.narrow(1, 0, kept).contiguous(at::MemoryFormat::ChannelsLast), standard_normal_log_prob(leaving)};
}

at::Tensor Transition::inverse(const at::Tensor& z, FlowContext& context) const {
  return unsqueeze2d(at::cat({z, context.draws.normal(z.sizes(), z)}, 1));
}

}  // namespace densehybrid
