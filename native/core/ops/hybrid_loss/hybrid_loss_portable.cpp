#include "ops/hybrid_loss/hybrid_loss_simd.h"

namespace densehybrid {

extern const HybridLossKernel kHybridLoss_portable;
const HybridLossKernel kHybridLoss_portable = {loss_scratch, loss_band};

}  // namespace densehybrid
