#include "ops/jensen_shannon/jensen_shannon_reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include <cmath>

namespace densehybrid {

JensenShannonResult jensen_shannon_reference(const at::Tensor& logits, const at::Tensor& mask, bool align_corners) {
  at::Tensor s = logits.scalar_type() == at::kDouble ? logits : logits.to(at::kFloat);
  if (s.size(2) != mask.size(1) || s.size(3) != mask.size(2)) {
    s = at::upsample_bilinear2d(s, {mask.size(1), mask.size(2)}, align_corners, std::nullopt, std::nullopt);
  }
  const double uniform = 1.0 / static_cast<double>(s.size(1));
  const at::Tensor log_p = at::log_softmax(s, 1);
  const at::Tensor p = log_p.exp();
  const at::Tensor log_m = ((p + uniform) * 0.5).log();  // M = (P + U) / 2
  // ½ KL(P‖M) + ½ KL(U‖M)
  const at::Tensor divergence =
      0.5 * (p * (log_p - log_m)).sum(1) + 0.5 * (uniform * (std::log(uniform) - log_m)).sum(1);
  const at::Tensor selected = mask != 0;
  const int64_t count = selected.sum().item<int64_t>();
  const at::Tensor zero = at::zeros({}, divergence.options());
  const at::Tensor loss =
      count == 0 ? (divergence * 0.0).sum() : at::where(selected, divergence, zero).sum() / static_cast<double>(count);
  return {loss, divergence.detach()};
}

}  // namespace densehybrid
