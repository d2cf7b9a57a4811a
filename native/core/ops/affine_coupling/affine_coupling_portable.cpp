#include "ops/affine_coupling/affine_coupling_simd.h"

namespace densehybrid {

extern const AffineCouplingKernel kAffineCoupling_portable;
const AffineCouplingKernel kAffineCoupling_portable = {couple_pixels, uncouple_pixels};

}  // namespace densehybrid
