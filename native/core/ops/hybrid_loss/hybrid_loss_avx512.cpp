#include "ops/hybrid_loss/hybrid_loss_simd.h"

namespace densehybrid {

extern const HybridLossKernel kHybridLoss_avx512;
const HybridLossKernel kHybridLoss_avx512 = {loss_scratch, loss_band};

}  // namespace densehybrid
