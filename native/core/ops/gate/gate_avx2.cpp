#include "ops/gate/gate_simd.h"

namespace densehybrid {

extern const GateKernel kGate_avx2;
const GateKernel kGate_avx2 = gate_pixels;

}  // namespace densehybrid
