#include "ops/affine_coupling/affine_coupling_simd.h"

namespace densehybrid {

extern const AffineCouplingKernel kAffineCoupling_avx2;
const AffineCouplingKernel kAffineCoupling_avx2 = {couple_pixels, uncouple_pixels};

}  // namespace densehybrid
