#include "ops/norm_relu/norm_relu_simd.h"

namespace densehybrid {

extern const NormReluKernel kNormRelu_portable;
const NormReluKernel kNormRelu_portable = {norm_relu_pixels, norm_relu_max_pool_rows, norm_relu_average_pool_rows};

}  // namespace densehybrid
