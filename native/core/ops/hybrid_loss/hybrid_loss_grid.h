#pragma once

#include "ops/hybrid_loss/fused_loss.h"
#include "ops/hybrid_loss/hybrid_loss_thread.h"
#include "ops/hybrid_loss/loss_counts.h"

namespace densehybrid {

// Allocates the gradients and the map of `result` on the logits' device, and `sums` (blocks × cls, x, d, jsd), and names
// them, with the inputs, for the threads. The request's tensors outlive the grid.
HybridLossGrid hybrid_loss_grid(const FusedLossRequest& request, const LossCounts& counts, FusedLossResult& result,
                                at::Tensor& sums);

}  // namespace densehybrid
