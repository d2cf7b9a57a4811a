#include "ops/hybrid_score/hybrid_score_simd.h"

namespace densehybrid {

extern const HybridScoreKernel kHybridScore_avx512;
const HybridScoreKernel kHybridScore_avx512 = {score_scratch, score_rows};

}  // namespace densehybrid
