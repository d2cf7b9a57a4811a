#pragma once

#include <cuda_runtime_api.h>

#include "ops/hybrid_score/hybrid_score_thread.h"

namespace densehybrid {

// Starts hybrid_score on the stream's device. The caller checks the launch.
void launch_hybrid_score(const HybridScoreGrid& grid, cudaStream_t stream);

}  // namespace densehybrid
