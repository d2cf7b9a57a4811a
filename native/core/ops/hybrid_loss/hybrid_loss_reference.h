#pragma once

#include "ops/hybrid_loss/hybrid_loss.h"

namespace densehybrid {

// hybrid_loss in plain ATen operations, on any device and dtype: what the kernels are tested against, what gradients are
// checked with in float64, and what runs where there is no kernel. Every term carries the graph.
HybridLossTerms hybrid_loss_reference(const at::Tensor& logits, const at::Tensor& ood_logits, const at::Tensor& labels,
                                      const HybridLossOptions& options);

at::Tensor closed_set_loss_reference(const at::Tensor& logits, const at::Tensor& labels, const HybridLossOptions& options);

}  // namespace densehybrid
