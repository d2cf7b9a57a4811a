#pragma once

#include "ops/jensen_shannon/jensen_shannon.h"

namespace densehybrid {

// jensen_shannon in plain ATen operations, on any device and dtype.
JensenShannonResult jensen_shannon_reference(const at::Tensor& logits, const at::Tensor& mask, bool align_corners);

}  // namespace densehybrid
