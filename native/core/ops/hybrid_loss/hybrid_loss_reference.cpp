#include "ops/hybrid_loss/hybrid_loss_reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/where.h>
#include <ATen/ops/zeros.h>

#include "common/error.h"

namespace densehybrid {
namespace {

at::Tensor upsample(const at::Tensor& x, const at::Tensor& labels, bool align_corners) {
  // NCHW: with few channels the full-resolution operations below are faster in it than in channels_last.
  const at::Tensor wide = (x.scalar_type() == at::kDouble ? x : x.to(at::kFloat)).contiguous();
  if (x.size(2) == labels.size(1) && x.size(3) == labels.size(2)) return wide;
  return at::upsample_bilinear2d(wide, {labels.size(1), labels.size(2)}, align_corners, std::nullopt, std::nullopt);
}

// Mean of `values` where `mask`, 0 when nothing is selected.
at::Tensor masked_mean(const at::Tensor& values, const at::Tensor& mask) {
  const int64_t count = mask.sum().item<int64_t>();
  if (count == 0) return at::zeros({}, values.options());
  return at::where(mask, values, at::zeros({}, values.options())).sum() / static_cast<double>(count);
}

// −ln P(y|x) = lse(s) − s_y over labels in [0, K).
at::Tensor cross_entropy(const at::Tensor& s, const at::Tensor& density, const at::Tensor& labels,
                         const HybridLossOptions& options) {
  const at::Tensor known = (labels != options.ignore).logical_and_(labels != options.negative);
  const at::Tensor target = at::where(known, labels, at::zeros({}, labels.options()));
  if (target.numel() > 0 && (target.max().item<int64_t>() >= s.size(1) || target.min().item<int64_t>() < 0)) {
    throw Error("INVALID_ARGUMENT",
                "Expected labels from 0 to " + std::to_string(s.size(1) - 1) + ", " + std::to_string(options.negative) +
                    " (negative) or " + std::to_string(options.ignore) + " (ignore) but received " +
                    std::to_string(target.max().item<int64_t>()) + ".");
  }
  return masked_mean(density - s.gather(1, target.unsqueeze(1)).squeeze(1), known);
}

}  // namespace

HybridLossTerms hybrid_loss_reference(const at::Tensor& logits, const at::Tensor& ood_logits, const at::Tensor& labels,
                            const HybridLossOptions& options) {
  const at::Tensor target = labels.to(at::kLong);
  const at::Tensor s = upsample(logits, labels, options.align_corners);
  const at::Tensor g = upsample(ood_logits, labels, options.align_corners);
  const at::Tensor density = at::logsumexp(s, {1});  // ln p̂(x), N×H×W
  const at::Tensor negative = target == options.negative;

  HybridLossTerms terms;
  terms.cls = cross_entropy(s, density, target, options);
  terms.x = masked_mean(density, negative);
  if (options.mean_logit_shift && negative.any().item<bool>()) terms.x = terms.x - s.detach().mean();

  // −ln P(d_out|x) = softplus(g_0 − g_1), −ln P(d_in|x) = softplus(g_1 − g_0)
  const at::Tensor margin = g.select(1, 1) - g.select(1, 0);
  const at::Tensor posterior = at::softplus(at::where(negative, -margin, margin));
  terms.d = options.ignore_is_inlier ? posterior.mean() : masked_mean(posterior, target != options.ignore);

  terms.total = terms.cls + options.beta_x * terms.x + options.beta_d * terms.d;
  return terms;
}

at::Tensor closed_set_loss_reference(const at::Tensor& logits, const at::Tensor& labels, const HybridLossOptions& options) {
  const at::Tensor s = upsample(logits, labels, options.align_corners);
  return cross_entropy(s, at::logsumexp(s, {1}), labels.to(at::kLong), options);
}

}  // namespace densehybrid
