#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "common/cpu_path.h"

namespace densehybrid {

struct JensenShannonResult {
  at::Tensor loss;  // mean over mask, 0 for an empty mask; carries the graph
  at::Tensor map;   // N×H×W, detached
};

// JSD(U ‖ P_θ(y|x)) per pixel, U uniform over the K classes (METHOD §4), on logits N×K×h×w upsampled to mask N×H×W.
JensenShannonResult jensen_shannon(const at::Tensor& logits, const at::Tensor& mask, bool align_corners,
                                   std::optional<CpuPath> cpu_path = {});

}  // namespace densehybrid
