#include "flow/squeeze.h"

#include <ATen/ops/pixel_shuffle.h>
#include <ATen/ops/pixel_unshuffle.h>

namespace densehybrid {

at::Tensor squeeze2d(const at::Tensor& x) {
  return at::pixel_unshuffle(x, 2).contiguous(at::MemoryFormat::ChannelsLast);
}

at::Tensor unsqueeze2d(const at::Tensor& z) {
  return at::pixel_shuffle(z, 2).contiguous(at::MemoryFormat::ChannelsLast);
}

FlowStep Squeeze::forward(const at::Tensor& x, FlowContext&) const { return {squeeze2d(x), no_log_det(x)}; }

at::Tensor Squeeze::inverse(const at::Tensor& z, FlowContext&) const { return unsqueeze2d(z); }

}  // namespace densehybrid
