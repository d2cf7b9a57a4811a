#pragma once

#include "ops/hybrid_score/hybrid_score.h"
#include "ops/hybrid_score/hybrid_score_thread.h"

namespace densehybrid {

// Allocates result.labels and result.scores on the logits' device and names them, with the inputs, for the threads.
HybridScoreGrid hybrid_score_grid(const at::Tensor& logits, const at::Tensor& ood_logits,
                                  const HybridScoreOptions& options, HybridScoreResult& result);

}  // namespace densehybrid
