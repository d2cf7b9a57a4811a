#include "ops/hybrid_loss/hybrid_loss.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/scalar_tensor.h>
#include <c10/core/GradMode.h>

#include "ops/bilinear.h"
#include "ops/hybrid_loss/fused_loss.h"
#include "ops/hybrid_loss/hybrid_loss_reference.h"
#include "ops/tensor_view.h"

namespace densehybrid {
namespace {

// What each input of the axis weighs in the sum of all outputs.
at::Tensor input_weights(const BilinearAxis& axis) {
  std::vector<double> weights(static_cast<size_t>(axis.inputs), 0.0);
  for (size_t i = 0; i < static_cast<size_t>(axis.outputs); ++i) {
    weights[static_cast<size_t>(axis.i0[i])] += static_cast<double>(axis.w0[i]);
    weights[static_cast<size_t>(axis.i1[i])] += static_cast<double>(axis.w1[i]);
  }
  return at::from_blob(weights.data(), {axis.inputs}, at::kDouble).clone();
}

// Mean of the upsampled logits without upsampling: every output is linear in the inputs.
double mean_upsampled(const at::Tensor& logits, int64_t height, int64_t width, bool align_corners) {
  const at::Tensor map = logits.detach().sum(at::IntArrayRef{0, 1}, false, at::kDouble).cpu();  // h×w
  const at::Tensor rows = input_weights(bilinear_axis(logits.size(2), height, align_corners));
  const at::Tensor columns = input_weights(bilinear_axis(logits.size(3), width, align_corners));
  const double sum = at::matmul(at::matmul(rows, map), columns).item<double>();
  return sum / (static_cast<double>(logits.size(0) * logits.size(1)) * static_cast<double>(height * width));
}

bool wants_gradients(const at::Tensor& logits, const at::Tensor& ood_logits) {
  return c10::GradMode::is_enabled() && (logits.requires_grad() || (ood_logits.defined() && ood_logits.requires_grad()));
}

FusedLossRequest request_of(const at::Tensor& logits, const at::Tensor& ood_logits, const at::Tensor& labels,
                            const HybridLossOptions& options) {
  FusedLossRequest request;
  request.logits = logits;
  request.ood_logits = ood_logits;
  request.labels = canonical_labels(labels, logits.size(1), options.negative, options.ignore);
  request.ignore_is_inlier = options.ignore_is_inlier;
  request.align_corners = options.align_corners;
  request.gradients = wants_gradients(logits, ood_logits);
  request.cpu_path = options.cpu_path;
  return request;
}

}  // namespace

HybridLossTerms hybrid_loss(const at::Tensor& logits, const at::Tensor& ood_logits, const at::Tensor& labels,
                            const HybridLossOptions& options) {
  if (!has_kernel(logits, ood_logits)) {
    return hybrid_loss_reference(logits, ood_logits, labels, options);
  }
  FusedLossRequest request = request_of(logits, ood_logits, labels, options);
  request.beta_x = options.beta_x;
  request.beta_d = options.beta_d;
  const FusedLossResult fused = fused_loss(request);
  double x = fused.x;
  if (options.mean_logit_shift && fused.negatives > 0) {
    x -= mean_upsampled(logits, labels.size(1), labels.size(2), options.align_corners);
  }
  const double total = fused.cls + options.beta_x * x + options.beta_d * fused.d;
  const auto scalar = [&](double value) { return at::scalar_tensor(value, logits.options().dtype(at::kFloat)); };
  return {with_gradients(total, logits, fused.grad_logits, ood_logits, fused.grad_ood_logits), scalar(fused.cls),
          scalar(x), scalar(fused.d)};
}

at::Tensor closed_set_loss(const at::Tensor& logits, const at::Tensor& labels, const HybridLossOptions& options) {
  if (!has_kernel(logits)) return closed_set_loss_reference(logits, labels, options);
  const FusedLossResult fused = fused_loss(request_of(logits, {}, labels, options));
  return with_gradients(fused.cls, logits, fused.grad_logits);
}

}  // namespace densehybrid
