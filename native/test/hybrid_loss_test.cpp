#include "ops/hybrid_loss/hybrid_loss.h"

#include <ATen/Parallel.h>

#include "common/error.h"
#include "ops/hybrid_loss/hybrid_loss_reference.h"
#include "ops/jensen_shannon/jensen_shannon.h"
#include "ops/jensen_shannon/jensen_shannon_reference.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;
using densehybrid::test::gradient_error;

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

namespace {

// Relative to the largest value: gradients are small numbers, 1 / pixels.
double relative_error(const at::Tensor& got, const at::Tensor& expected) {
  const at::Tensor wide = expected.to(at::kDouble);
  const double scale = std::max(wide.abs().max().item<double>(), 1e-30);
  return (got.to(at::kDouble) - wide).abs().max().item<double>() / scale;
}

struct Gradients {
  HybridLossTerms terms;
  at::Tensor logits, ood_logits;
};

template <typename Loss>
Gradients gradients_of(const at::Tensor& logits, const at::Tensor& ood_logits, const Loss& loss) {
  const at::Tensor s = logits.detach().clone().requires_grad_(true);
  const at::Tensor g = ood_logits.detach().clone().requires_grad_(true);
  Gradients result{loss(s, g), {}, {}};
  (result.terms.total * 3).backward();
  result.logits = s.grad().defined() ? s.grad() : at::zeros_like(s);
  result.ood_logits = g.grad().defined() ? g.grad() : at::zeros_like(g);
  return result;
}

struct Shape {
  int64_t images, classes, rows, columns, height, width;
};
constexpr Shape kShapes[] = {{2, 3, 3, 4, 7, 9},     {1, 19, 16, 16, 64, 64}, {2, 12, 13, 17, 49, 65}, {1, 2, 8, 9, 8, 9},
                             {1, 5, 40, 300, 12, 77}, {1, 254, 4, 5, 15, 18},  {3, 4, 1, 1, 20, 140},   {1, 7, 33, 40, 132, 160},
                             {1, 3, 30, 30, 31, 29},  {1, 1, 4, 4, 16, 16}};

// Labels with every code, in patches and single pixels.
at::Tensor random_labels(const Shape& shape) {
  const at::Tensor labels = at::randint(0, shape.classes, {shape.images, shape.height, shape.width}, at::kByte);
  const at::Tensor dice = at::rand(labels.sizes());
  labels.masked_fill_(dice < 0.2, 254).masked_fill_(dice > 0.8, 255);
  if (shape.height > 8) labels.narrow(1, 3, 3).fill_(255);
  return labels;
}

}  // namespace

TEST_CASE("hybrid_loss: every CPU path agrees with the reference in float64") {
  at::manual_seed(3);
  for (const Shape& shape : kShapes) {
    CAPTURE(shape.classes);
    CAPTURE(shape.height);
    CAPTURE(shape.width);
    const at::Tensor labels = random_labels(shape);
    for (const bool align_corners : {false, true}) {
      for (const auto dtype : {at::kFloat, at::kBFloat16}) {
        for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
          const auto random = [&](int64_t channels) {
            return (at::randn({shape.images, channels, shape.rows, shape.columns}) * 5).to(dtype).contiguous(format);
          };
          const at::Tensor logits = random(shape.classes);
          const at::Tensor ood_logits = random(2);
          HybridLossOptions options{.beta_x = 0.4, .beta_d = 0.7, .ignore_is_inlier = align_corners,
                                    .mean_logit_shift = !align_corners, .align_corners = align_corners};
          const auto expected = gradients_of(logits.to(at::kDouble), ood_logits.to(at::kDouble), [&](auto& s, auto& g) {
            return hybrid_loss_reference(s, g, labels, options);
          });
          for (const CpuPath path : available_cpu_paths()) {
            CAPTURE(to_string(path));
            options.cpu_path = path;
            const auto got = gradients_of(logits, ood_logits, [&](auto& s, auto& g) { return hybrid_loss(s, g, labels, options); });
            CHECK(got.terms.cls.template item<double>() == doctest::Approx(expected.terms.cls.template item<double>()).epsilon(1e-5));
            CHECK(got.terms.x.template item<double>() == doctest::Approx(expected.terms.x.template item<double>()).epsilon(1e-5));
            CHECK(got.terms.d.template item<double>() == doctest::Approx(expected.terms.d.template item<double>()).epsilon(1e-5));
            CHECK(got.terms.total.template item<double>() == doctest::Approx(expected.terms.total.template item<double>()).epsilon(1e-5));
            // Source positions are float32 here and float64 there; and the gradient is rounded to bf16 in the end.
            const double tolerance = dtype == at::kFloat ? 1e-4 : 8e-3;
            CHECK(relative_error(got.logits, expected.logits) < tolerance);
            CHECK(relative_error(got.ood_logits, expected.ood_logits) < tolerance);
            CHECK(got.logits.is_contiguous(logits.suggest_memory_format()));
          }
        }
      }
    }
  }
}

TEST_CASE("closed_set_loss: is the first term alone") {
  const Shape shape{2, 6, 9, 11, 36, 44};
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
  const Shape shape{2, 11, 40, 30, 160, 120};
  const at::Tensor labels = random_labels(shape);
  const at::Tensor logits = at::randn({2, 11, 40, 30}) * 4;
  const at::Tensor ood_logits = at::randn({2, 2, 40, 30}) * 4;
  const auto run = [&](int count) {
    at::set_num_threads(count);
    return gradients_of(logits, ood_logits, [&](auto& s, auto& g) { return hybrid_loss(s, g, labels, {}); });
  };
  const auto one = run(1);
  for (const int count : {2, 3, 7}) {
    const auto many = run(count);
    CHECK(at::equal(one.terms.total, many.terms.total));
    CHECK(at::equal(one.logits, many.logits));
    CHECK(at::equal(one.ood_logits, many.ood_logits));
  }
  at::set_num_threads(threads);
}

TEST_CASE("hybrid_loss: a NaN or infinite logit gives a NaN loss") {
  const at::Tensor labels = at::ones({1, 16, 16}, at::kByte);
  labels[0][0].fill_(254);
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity()}) {
    for (const CpuPath path : available_cpu_paths()) {
      HybridLossOptions options;
      options.cpu_path = path;
      const at::Tensor fine = at::randn({1, 3, 4, 4});
      const at::Tensor fine_ood = at::randn({1, 2, 4, 4});
      at::Tensor logits = fine.clone();
      logits[0][2][3][1] = broken;
      CHECK(std::isnan(hybrid_loss(logits, fine_ood, labels, options).total.item<double>()));
      CHECK(std::isnan(closed_set_loss(logits, labels, options).item<double>()));
      at::Tensor ood_logits = fine_ood.clone();
      ood_logits[0][1][0][3] = broken;
      CHECK(std::isnan(hybrid_loss(fine, ood_logits, labels, options).total.item<double>()));
    }
  }
}

TEST_CASE("jensen_shannon: every CPU path agrees with the reference in float64") {
  for (const Shape& shape : kShapes) {
    CAPTURE(shape.classes);
    CAPTURE(shape.width);
    const at::Tensor logits = (at::randn({shape.images, shape.classes, shape.rows, shape.columns}) * 4).requires_grad_(true);
    const at::Tensor wide = logits.detach().to(at::kDouble).requires_grad_(true);
    const at::Tensor mask = (at::rand({shape.images, shape.height, shape.width}) < 0.5).to(at::kByte);
    const auto expected = jensen_shannon_reference(wide, mask, false);
    expected.loss.backward();
    for (const CpuPath path : available_cpu_paths()) {
      CAPTURE(to_string(path));
      if (logits.grad().defined()) logits.mutable_grad().zero_();
      const auto got = jensen_shannon(logits, mask, false, path);
      got.loss.backward();
      CHECK(got.loss.item<double>() == doctest::Approx(expected.loss.item<double>()).epsilon(1e-5));
      CHECK(at::allclose(got.map.to(at::kDouble), expected.map, 1e-4, 2e-5));  // float32 source positions
      if (shape.classes > 1) CHECK(relative_error(logits.grad(), wide.grad()) < 1e-4);
    }
  }
}
