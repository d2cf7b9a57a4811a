#include "ops/winograd_conv/winograd_conv_simd.h"

namespace densehybrid {

extern const WinogradKernel kWinograd_portable;
const WinogradKernel kWinograd_portable = winograd_tiles;

}  // namespace densehybrid
