#if defined(DENSEHYBRID_CUDA)

#include <ATen/ops/zeros.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <algorithm>

#include "common/error.h"
#include "ops/hybrid_loss/hybrid_loss_cuda.h"
#include "ops/hybrid_loss/hybrid_loss_grid.h"

namespace densehybrid {
namespace {

// The divisors are final before the pass starts, so the gradient needs no second one; and a wrong label is an error.
LossCounts count_pixels(const FusedLossRequest& request, cudaStream_t stream) {
  LabelHistogram histogram{};
  if (request.labels.numel() > 0) {
    const at::Tensor bins = at::zeros({256}, request.labels.options().dtype(at::kLong));
    launch_label_histogram(request.labels.const_data_ptr<uint8_t>(), request.labels.numel(),
                           reinterpret_cast<unsigned long long*>(bins.mutable_data_ptr<int64_t>()), stream);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
    const at::Tensor host = bins.cpu();
    std::copy_n(host.const_data_ptr<int64_t>(), histogram.size(), histogram.begin());
  }
  return loss_counts(histogram, request.logits.size(1), request.ignore_is_inlier);
}

}  // namespace

FusedLossResult fused_loss_cuda(const FusedLossRequest& request) {
  if (request.labels.device() != request.logits.device()) {
    throw Error("INVALID_ARGUMENT", "Expected labels on the device of the logits, " + request.logits.device().str() + ".");
  }
  const c10::cuda::CUDAGuard guard(request.logits.device());
  const cudaStream_t stream = c10::cuda::getCurrentCUDAStream();
  const LossCounts counts = count_pixels(request, stream);
  FusedLossResult result;
  at::Tensor sums;
  const HybridLossGrid grid = hybrid_loss_grid(request, counts, result, sums);
  if (request.labels.numel() > 0 && request.logits.numel() > 0) {
    launch_hybrid_loss(grid, stream);
    C10_CUDA_KERNEL_LAUNCH_CHECK();
  }
  // A reduction over one axis without atomics: the same order in every run.
  set_values(sums.sum(0).cpu().const_data_ptr<double>(), counts, result);
  return result;
}

}  // namespace densehybrid

#endif
