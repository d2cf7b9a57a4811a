#include "ops/hybrid_loss/hybrid_loss_grid.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "ops/tensor_view.h"

namespace densehybrid {

HybridLossGrid hybrid_loss_grid(const FusedLossRequest& request, const LossCounts& counts, FusedLossResult& result,
                                at::Tensor& sums) {
  const at::Tensor& logits = request.logits;
  const at::Tensor& labels = request.labels;
  HybridLossGrid grid;
  grid.logits = batch_view(logits);
  if (request.ood_logits.defined()) grid.ood = batch_view(request.ood_logits);
  grid.images = logits.size(0);
  grid.classes = static_cast<int>(logits.size(1));
  grid.rows = bilinear_scale(logits.size(2), labels.size(1), request.align_corners);
  grid.columns = bilinear_scale(logits.size(3), labels.size(2), request.align_corners);
  grid.labels = labels.const_data_ptr<uint8_t>();
  grid.cls_weight = static_cast<float>(mean_of(request.beta_cls, counts.known));
  grid.x_weight = static_cast<float>(mean_of(request.beta_x, counts.negatives));
  grid.d_weight = static_cast<float>(mean_of(request.beta_d, counts.counted));
  grid.jsd_weight = static_cast<float>(mean_of(request.beta_jsd, counts.negatives));
  grid.jsd = request.jsd;
  grid.ignore_is_inlier = request.ignore_is_inlier;
  if (request.jsd) {
    result.jsd_map = at::empty(labels.sizes(), logits.options().dtype(at::kFloat));
    grid.jsd_map = result.jsd_map.mutable_data_ptr<float>();
  }
  if (request.gradients) {
    // Zeros remain only where there are no labels, hence no threads.
    const auto like = [](const at::Tensor& input) {
      return at::zeros_like(input.detach(), input.options(), input.suggest_memory_format());
    };
    result.grad_logits = like(logits);
    grid.grad_logits = mutable_batch_view(result.grad_logits);
    if (request.ood_logits.defined()) {
      result.grad_ood_logits = like(request.ood_logits);
      grid.grad_ood = mutable_batch_view(result.grad_ood_logits);
    }
  }
  const int64_t blocks = hybrid_loss_blocks(grid.images * grid.rows.inputs * grid.columns.inputs);
  sums = at::zeros({blocks, kLossSums}, logits.options().dtype(at::kDouble));
  grid.sums = sums.mutable_data_ptr<double>();
  return grid;
}

}  // namespace densehybrid
