#include "ops/hybrid_score/hybrid_score_simd.h"

namespace densehybrid {

extern const HybridScoreKernel kHybridScore_portable;
const HybridScoreKernel kHybridScore_portable = {score_scratch, score_rows};

}  // namespace densehybrid
