// Labels, shapes and comparisons for the tests of the losses.
#pragma once

#include "ops/hybrid_loss/hybrid_loss.h"
#include "support.h"  // last: it brings doctest after libtorch

namespace densehybrid::test {

struct LossShape {
  int64_t images, classes, rows, columns, height, width;
};

// Labels with every code, in patches and single pixels.
inline at::Tensor random_labels(const LossShape& shape) {
  const at::Tensor labels = at::randint(0, shape.classes, {shape.images, shape.height, shape.width}, at::kByte);
  const at::Tensor dice = at::rand(labels.sizes());
  labels.masked_fill_(dice < 0.2, 254).masked_fill_(dice > 0.8, 255);
  if (shape.height > 8) labels.narrow(1, 3, 3).fill_(255);
  return labels;
}

// Relative to the largest value: gradients are small numbers, 1 / pixels. `least`: of the differences P − 1 a float32
// knows no more than their rounding, so that where all are tiny only an error against the weight of a pixel means something.
inline double relative_error(const at::Tensor& got, const at::Tensor& expected, double least = 1e-30) {
  const at::Tensor wide = expected.to(at::kDouble);
  const double scale = std::max(wide.abs().max().item<double>(), least);
  return (got.to(at::kDouble) - wide).abs().max().item<double>() / scale;
}

// Terms, and gradients of 3 · total, on the CPU.
struct LossOutcome {
  double total = 0.0, cls = 0.0, x = 0.0, d = 0.0;
  at::Tensor grad_logits, grad_ood_logits;
};

template <typename Loss>
LossOutcome outcome_of(const at::Tensor& logits, const at::Tensor& ood_logits, const Loss& loss) {
  const at::Tensor s = logits.detach().clone().requires_grad_(true);
  const at::Tensor g = ood_logits.detach().clone().requires_grad_(true);
  const HybridLossTerms terms = loss(s, g);
  if (terms.total.requires_grad()) (terms.total * 3).backward();  // a term without pixels carries no graph
  const auto gradient = [](const at::Tensor& x) { return (x.grad().defined() ? x.grad() : at::zeros_like(x)).cpu(); };
  return {terms.total.item<double>(), terms.cls.item<double>(), terms.x.item<double>(), terms.d.item<double>(),
          gradient(s), gradient(g)};
}

}  // namespace densehybrid::test
