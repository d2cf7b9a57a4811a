#include "ops/hybrid_loss/hybrid_loss.h"

#include <ATen/Parallel.h>

#include "common/error.h"
#include "ops/hybrid_loss/hybrid_loss_reference.h"
#include "ops/jensen_shannon/jensen_shannon.h"
#include "loss_cases.h"  // last: it brings doctest after libtorch

using namespace densehybrid;
using namespace densehybrid::test;

namespace {

// Labels 0…2, 254 and 255 in turn.
at::Tensor mixed_labels(at::IntArrayRef shape) {
  const at::Tensor codes = at::tensor({0, 1, 2, 254, 255}, at::kByte);
  int64_t count = 1;
  for (const int64_t extent : shape) count *= extent;
  return codes.index({at::arange(count).remainder(5)}).view(shape);
}

}  // namespace

TEST_CASE("hybrid_loss: gradients agree with finite differences, with and without upsampling") {
  at::manual_seed(1);
  const auto options = at::TensorOptions().dtype(at::kDouble);
  const at::Tensor logits = at::randn({2, 3, 3, 4}, options);
  const at::Tensor ood_logits = at::randn({2, 2, 3, 4}, options);
  for (const auto& size : {std::pair<int64_t, int64_t>{3, 4}, {7, 9}}) {
    const at::Tensor labels = mixed_labels({2, size.first, size.second});
    for (const bool inlier : {true, false}) {
      HybridLossOptions loss{.beta_x = 0.4, .beta_d = 0.7, .ignore_is_inlier = inlier, .mean_logit_shift = false};
      CHECK(gradient_error(logits, [&](const at::Tensor& x) { return hybrid_loss(x, ood_logits, labels, loss).total; }) < 1e-8);
      CHECK(gradient_error(ood_logits, [&](const at::Tensor& x) { return hybrid_loss(logits, x, labels, loss).total; }) < 1e-8);
    }
  }
}

TEST_CASE("hybrid_loss: a term without pixels is zero and harmless") {
  const at::Tensor logits = at::randn({1, 3, 4, 4}).requires_grad_(true);
  const at::Tensor ood_logits = at::randn({1, 2, 4, 4}).requires_grad_(true);
  const auto ignored = hybrid_loss(logits, ood_logits, at::full({1, 4, 4}, 255, at::kByte), {.ignore_is_inlier = false});
  CHECK(ignored.total.item<double>() == 0.0);
  const auto no_negative = hybrid_loss(logits, ood_logits, at::ones({1, 4, 4}, at::kByte), {});
  CHECK(no_negative.x.item<double>() == 0.0);
  no_negative.total.backward();
  CHECK(at::isfinite(logits.grad()).all().item<bool>());
}

TEST_CASE("hybrid_loss: a label outside the classes is an error") {
  CHECK_THROWS_AS(hybrid_loss(at::randn({1, 3, 2, 2}), at::randn({1, 2, 2, 2}), at::full({1, 2, 2}, 3, at::kByte), {}), Error);
}

TEST_CASE("jensen_shannon: gradient, range and empty mask") {
  const at::Tensor logits = at::randn({1, 4, 3, 3}, at::kDouble) * 3;
  const at::Tensor mask = at::ones({1, 5, 6}, at::kByte);
  CHECK(gradient_error(logits, [&](const at::Tensor& x) { return jensen_shannon(x, mask, false).loss; }) < 1e-8);
  CHECK(jensen_shannon(at::zeros({1, 4, 3, 3}), mask, false).loss.item<double>() == doctest::Approx(0.0));
  CHECK(jensen_shannon(logits, at::zeros_like(mask), false).loss.item<double>() == 0.0);
}

TEST_CASE("closed_set_loss: is the first term alone") {
  const LossShape shape{2, 6, 9, 11, 36, 44};
  const at::Tensor labels = random_labels(shape);
  const at::Tensor logits = (at::randn({2, 6, 9, 11}) * 4).requires_grad_(true);
  const at::Tensor wide = logits.detach().to(at::kDouble).requires_grad_(true);
  const at::Tensor loss = closed_set_loss(logits, labels, {});
  const at::Tensor expected = closed_set_loss_reference(wide, labels, {});
  CHECK(loss.item<double>() == doctest::Approx(expected.item<double>()).epsilon(1e-6));
  loss.backward();
  expected.backward();
  CHECK(relative_error(logits.grad(), wide.grad()) < 2e-5);
}

TEST_CASE("hybrid_loss: the same bits for any number of threads") {
  const int threads = at::get_num_threads();
  const LossShape shape{2, 11, 40, 30, 160, 120};
  const at::Tensor labels = random_labels(shape);
  const at::Tensor logits = at::randn({2, 11, 40, 30}) * 4;
  const at::Tensor ood_logits = at::randn({2, 2, 40, 30}) * 4;
  const auto run = [&](int count) {
    at::set_num_threads(count);
    return outcome_of(logits, ood_logits, [&](auto& s, auto& g) { return hybrid_loss(s, g, labels, {}); });
  };
  const auto one = run(1);
  for (const int count : {2, 3, 7}) {
    const auto many = run(count);
    CHECK(one.total == many.total);
    CHECK(at::equal(one.grad_logits, many.grad_logits));
    CHECK(at::equal(one.grad_ood_logits, many.grad_ood_logits));
  }
  at::set_num_threads(threads);
}
