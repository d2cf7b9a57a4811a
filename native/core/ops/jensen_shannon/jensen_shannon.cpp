#include "ops/jensen_shannon/jensen_shannon.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full_like.h>
#include <c10/core/GradMode.h>

#include "ops/hybrid_loss/fused_loss.h"
#include "ops/hybrid_loss/hybrid_loss_cpu.h"
#include "ops/jensen_shannon/jensen_shannon_reference.h"
#include "ops/tensor_view.h"

namespace densehybrid {

JensenShannonResult jensen_shannon(const at::Tensor& logits, const at::Tensor& mask, bool align_corners,
                                   std::optional<CpuPath> cpu_path) {
  if (!has_kernel(logits)) return jensen_shannon_reference(logits, mask, align_corners);
  FusedLossRequest request;
  request.logits = logits;
  request.labels = at::full_like(mask, kIgnoreLabel, at::kByte).masked_fill_(mask != 0, kNegativeLabel).contiguous();
  request.beta_cls = 0.0;
  request.beta_jsd = 1.0;
  request.jsd = true;
  request.align_corners = align_corners;
  request.gradients = c10::GradMode::is_enabled() && logits.requires_grad();
  request.cpu_path = cpu_path;
  const FusedLossResult fused = fused_loss(request);
  return {with_gradients(fused.jsd, logits, fused.grad_logits), fused.jsd_map};
}

}  // namespace densehybrid
