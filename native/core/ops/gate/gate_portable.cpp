#include "ops/gate/gate_simd.h"

namespace densehybrid {

extern const GateKernel kGate_portable;
const GateKernel kGate_portable = gate_pixels;

}  // namespace densehybrid
