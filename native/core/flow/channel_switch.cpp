#include "flow/channel_switch.h"

#include <ATen/ops/cat.h>

namespace densehybrid {
namespace {

// The first `count` channels go behind the others.
at::Tensor rotated(const at::Tensor& x, int64_t count) {
  return at::cat({x.narrow(1, count, x.size(1) - count), x.narrow(1, 0, count)}, 1);
}

}  // namespace

FlowStep ChannelSwitch::forward(const at::Tensor& x, FlowContext&) const {
  return {rotated(x, (x.size(1) + 1) / 2), no_log_det(x)};
}

// The shorter half is in front now.
at::Tensor ChannelSwitch::inverse(const at::Tensor& z, FlowContext&) const { return rotated(z, z.size(1) / 2); }

}  // namespace densehybrid
