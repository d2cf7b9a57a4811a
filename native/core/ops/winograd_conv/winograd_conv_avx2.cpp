#include "ops/winograd_conv/winograd_conv_simd.h"

namespace densehybrid {

extern const WinogradKernel kWinograd_avx2;
const WinogradKernel kWinograd_avx2 = winograd_tiles;

}  // namespace densehybrid
