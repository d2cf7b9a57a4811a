#include "ops/gate/gate_simd.h"

namespace densehybrid {

extern const GateKernel kGate_avx512;
const GateKernel kGate_avx512 = gate_pixels;

}  // namespace densehybrid
