#pragma once

#include <ATen/core/Tensor.h>

namespace densehybrid {

// Zero padding of N×C×H×W on each side. at::constant_pad_nd does the same, but its gradient comes back in NCHW and makes
// every operation before it slow; this one stays channels_last in both directions.
at::Tensor pad_channels_last(const at::Tensor& x, int64_t left, int64_t right, int64_t top, int64_t bottom);

}  // namespace densehybrid
