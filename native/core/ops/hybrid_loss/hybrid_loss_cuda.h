#pragma once

#include <cuda_runtime_api.h>

#include "ops/hybrid_loss/hybrid_loss_thread.h"

namespace densehybrid {

// Both start on the stream's device; the caller checks the launch.

// Writes every gradient of the grid and, per block of locations, the sums of the terms.
void launch_hybrid_loss(const HybridLossGrid& grid, cudaStream_t stream);

// Adds the number of pixels of every label to histogram[256].
void launch_label_histogram(const uint8_t* labels, int64_t count, unsigned long long* histogram, cudaStream_t stream);

}  // namespace densehybrid
