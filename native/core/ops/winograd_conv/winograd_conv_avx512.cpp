#include "ops/winograd_conv/winograd_conv_simd.h"

namespace densehybrid {

extern const WinogradKernel kWinograd_avx512;
const WinogradKernel kWinograd_avx512 = winograd_tiles;

}  // namespace densehybrid
