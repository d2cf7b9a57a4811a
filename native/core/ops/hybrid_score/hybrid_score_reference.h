#pragma once

#include "ops/hybrid_score/hybrid_score.h"

namespace densehybrid {

// hybrid_score in plain ATen operations, on any device and dtype: what the kernels are tested against, and what runs
// where there is no kernel.
HybridScoreResult hybrid_score_reference(const at::Tensor& logits, const at::Tensor& ood_logits,
                                         const HybridScoreOptions& options, const CancelToken& cancel = {});

}  // namespace densehybrid
