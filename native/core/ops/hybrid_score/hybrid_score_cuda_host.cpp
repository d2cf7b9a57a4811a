#if defined(DENSEHYBRID_CUDA)

#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "ops/hybrid_score/hybrid_score_cuda.h"
#include "ops/hybrid_score/hybrid_score_grid.h"

namespace densehybrid {

HybridScoreResult hybrid_score_cuda(const at::Tensor& logits, const at::Tensor& ood_logits,
                                    const HybridScoreOptions& options, const CancelToken& cancel) {
  cancel.check();
  const c10::cuda::CUDAGuard guard(logits.device());
  HybridScoreResult result;
  HybridScoreGrid grid = hybrid_score_grid(logits, ood_logits, options, result);
  if (grid.images == 0) return result;
  const at::Tensor non_finite = at::zeros({1}, logits.options().dtype(at::kLong));
  grid.non_finite = reinterpret_cast<unsigned long long*>(non_finite.mutable_data_ptr<int64_t>());
  launch_hybrid_score(grid, c10::cuda::getCurrentCUDAStream());
  C10_CUDA_KERNEL_LAUNCH_CHECK();
  result.non_finite = non_finite.item<int64_t>();
  return result;
}

}  // namespace densehybrid

#endif
