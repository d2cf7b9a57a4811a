#include "ops/hybrid_score/hybrid_score_simd.h"

namespace densehybrid {

extern const HybridScoreKernel kHybridScore_avx2;
const HybridScoreKernel kHybridScore_avx2 = {score_scratch, score_rows};

}  // namespace densehybrid
