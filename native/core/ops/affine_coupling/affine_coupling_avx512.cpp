#include "ops/affine_coupling/affine_coupling_simd.h"

namespace densehybrid {

extern const AffineCouplingKernel kAffineCoupling_avx512;
const AffineCouplingKernel kAffineCoupling_avx512 = {couple_pixels, uncouple_pixels};

}  // namespace densehybrid
