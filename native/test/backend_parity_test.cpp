// Every fused op × every backend of this machine against the plain ATen reference: values in float32 or float64, gradients
// in float64.
#include <ATen/detail/CUDAHooksInterface.h>

#include "cuda_threads.h"
#include "ops/hybrid_loss/hybrid_loss_reference.h"
#include "ops/hybrid_score/hybrid_score_reference.h"
#include "ops/jensen_shannon/jensen_shannon.h"
#include "ops/jensen_shannon/jensen_shannon_reference.h"
#include "loss_cases.h"  // last: it brings doctest after libtorch

using namespace densehybrid;
using namespace densehybrid::test;

namespace {

enum class Kind { cpu, cuda_threads, cuda };

struct Backend {
  Kind kind;
  std::string name;
  std::optional<CpuPath> path = {};

  at::Device device() const { return at::Device(kind == Kind::cuda ? at::kCUDA : at::kCPU); }
};

std::vector<Backend> find_backends() {
  std::vector<Backend> found;
  for (const CpuPath path : available_cpu_paths()) found.push_back({Kind::cpu, "cpu " + to_string(path), path});
  found.push_back({Kind::cuda_threads, "cuda threads on the host"});
#if defined(DENSEHYBRID_CUDA)
  if (at::hasCUDA() && at::detail::getCUDAHooks().deviceCount() > 0) found.push_back({Kind::cuda, "cuda"});
  const std::string rest = found.back().kind == Kind::cuda ? "" : "; no cuda: libtorch sees no device";
#else
  const std::string rest = "; no cuda: built without it";
#endif
  std::string names;
  for (const Backend& backend : found) names += (names.empty() ? "" : ", ") + backend.name;
  std::printf("backends: %s%s\n", names.c_str(), rest.c_str());
  return found;
}

const std::vector<Backend>& backends() {
  static const std::vector<Backend> found = find_backends();
  return found;
}

HybridScoreResult score_on(const Backend& backend, const at::Tensor& logits, const at::Tensor& ood_logits,
                           HybridScoreOptions options) {
  if (backend.kind == Kind::cuda_threads) return score_by_threads(logits, ood_logits, options);
  options.cpu_path = backend.path;
  auto result = hybrid_score(logits.to(backend.device()), ood_logits.to(backend.device()), options);
  result.labels = result.labels.cpu();
  for (auto& [name, map] : result.scores) map = map.cpu();
  return result;
}

LossOutcome loss_on(const Backend& backend, const at::Tensor& logits, const at::Tensor& ood_logits,
                    const at::Tensor& labels, HybridLossOptions options) {
  if (backend.kind != Kind::cuda_threads) {
    options.cpu_path = backend.path;
    const at::Tensor target = labels.to(backend.device());
    return outcome_of(logits.to(backend.device()), ood_logits.to(backend.device()),
                      [&](auto& s, auto& g) { return hybrid_loss(s, g, target, options); });
  }
  FusedLossRequest request;
  request.logits = logits;
  request.ood_logits = ood_logits;
  request.labels = labels;
  request.beta_x = options.beta_x;
  request.beta_d = options.beta_d;
  request.ignore_is_inlier = options.ignore_is_inlier;
  request.align_corners = options.align_corners;
  request.gradients = true;
  const FusedLossResult fused = loss_by_threads(request);
  return {fused.cls + options.beta_x * fused.x + options.beta_d * fused.d, fused.cls, fused.x, fused.d,
          fused.grad_logits * 3, fused.grad_ood_logits * 3};
}

struct JensenShannonOutcome {
  double loss;
  at::Tensor map, gradient;
};

JensenShannonOutcome jensen_shannon_on(const Backend& backend, const at::Tensor& logits, const at::Tensor& mask,
                                       bool align_corners) {
  if (backend.kind != Kind::cuda_threads) {
    const at::Tensor leaf = logits.to(backend.device()).detach().clone().requires_grad_(true);
    const auto result = jensen_shannon(leaf, mask.to(backend.device()), align_corners, backend.path);
    result.loss.backward();
    return {result.loss.item<double>(), result.map.cpu(), leaf.grad().cpu()};
  }
  FusedLossRequest request;
  request.logits = logits;
  request.labels = at::full_like(mask, kIgnoreLabel).masked_fill_(mask != 0, kNegativeLabel);
  request.beta_cls = 0.0;
  request.beta_jsd = 1.0;
  request.jsd = true;
  request.align_corners = align_corners;
  request.gradients = true;
  const FusedLossResult fused = loss_by_threads(request);
  return {fused.jsd, fused.jsd_map, fused.grad_logits};
}

// The largest difference of finite values, in units of 1 + |expected|; infinite when NaNs do not lie in the same places.
double difference(const at::Tensor& got, const at::Tensor& expected) {
  if (!at::equal(at::isnan(got), at::isnan(expected))) return std::numeric_limits<double>::infinity();
  const at::Tensor a = at::nan_to_num(got.to(at::kDouble), 0.0);
  const at::Tensor b = at::nan_to_num(expected.to(at::kDouble), 0.0);
  return ((a - b).abs() / (b.abs() + 1.0)).max().item<double>();
}

// Labels may differ from the reference only where the two best logits, or score and threshold, are nearly equal.
void check_scores(const at::Tensor& logits, const at::Tensor& ood, const HybridScoreOptions& options) {
  const auto expected = hybrid_score_reference(logits, ood, options);
  // A source position is a float32: the wider the map, the fewer bits are left for the weights.
  const double tolerance = 2e-5 + 5e-7 * static_cast<double>(std::max(logits.size(2), logits.size(3)));
  for (const Backend& backend : backends()) {
    CAPTURE(backend.name);
    const auto got = score_on(backend, logits, ood, options);
    CHECK(got.scores.size() == expected.scores.size());
    for (const auto& [name, map] : expected.scores) {
      CAPTURE(name);
      CHECK(difference(got.scores.at(name), map) < tolerance);
    }
    CHECK(got.non_finite == expected.non_finite);
    CHECK((got.labels != expected.labels).sum().item<int64_t>() <= got.labels.numel() / 2000);
  }
}

int64_t draw(int64_t low, int64_t high) { return at::randint(low, high + 1, {1}).item<int64_t>(); }

// Shapes that were trouble once, then random ones: small and 1×1 maps, up and down, one class and all of them.
std::vector<LossShape> shapes(std::vector<LossShape> list, int random) {
  const int64_t classes[] = {1, 2, 3, 19, 32, 33, 64, 65, 130, 254};
  for (int i = 0; i < random; ++i) {
    const int64_t k = classes[i % 10];
    const int64_t most = k > 32 ? 6 : 18;
    const int64_t rows = i % 5 == 0 ? 1 : draw(1, most);
    const int64_t columns = i % 5 == 1 ? 1 : draw(1, i % 7 == 3 ? 12 * most : most);
    const bool down = i % 3 == 2;
    list.push_back({draw(1, 2), k, rows, columns, draw(1, down ? rows : 5 * rows), draw(1, down ? columns : 5 * columns)});
  }
  return list;
}

}  // namespace

TEST_CASE("backends: hybrid_score over sizes, layouts and dtypes") {
  at::manual_seed(7);
  for (const LossShape& shape : shapes({{1, 19, 16, 32, 64, 128}, {2, 12, 9, 13, 37, 55}, {1, 2, 5, 7, 5, 7},
                                        {3, 3, 1, 1, 40, 300}, {1, 5, 64, 200, 20, 33}, {1, 254, 6, 9, 23, 34},
                                        {1, 1, 4, 4, 16, 16}, {1, 7, 30, 40, 31, 41}, {1, 11, 40, 700, 35, 129},
                                        {2, 4, 3, 257, 6, 260}, {1, 6, 90, 120, 360, 480}, {1, 3, 2, 3, 1, 1}}, 20)) {
    CAPTURE(shape.classes);
    CAPTURE(shape.rows);
    CAPTURE(shape.columns);
    CAPTURE(shape.height);
    CAPTURE(shape.width);
    for (const bool align_corners : {false, true}) {
      for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
        for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
          const auto random = [&](int64_t channels) {
            return (at::randn({shape.images, channels, shape.rows, shape.columns}) * 6).to(dtype).contiguous(format);
          };
          check_scores(random(shape.classes), random(2),
                       {.height = shape.height, .width = shape.width, .align_corners = align_corners,
                        .scores = score_names(), .threshold = -5.0});
        }
      }
    }
  }
}

TEST_CASE("backends: every subset of the scores gives the same maps") {
  const at::Tensor logits = at::randn({1, 6, 8, 9}) * 5;
  const at::Tensor ood = at::randn({1, 2, 8, 9}) * 5;
  for (size_t bits = 0; bits < (size_t{1} << score_names().size()); ++bits) {
    HybridScoreOptions options{.height = 30, .width = 37};
    for (size_t i = 0; i < score_names().size(); ++i) {
      if ((bits >> i & 1) != 0) options.scores.push_back(score_names()[i]);
    }
    check_scores(logits, ood, options);
  }
}

TEST_CASE("backends: hybrid_score takes any strides, and inputs of two dtypes") {
  const at::Tensor logits = at::randn({3, 8, 20, 9}) * 5;
  const at::Tensor ood = at::randn({2, 5, 10, 9}) * 5;
  const at::Tensor views = logits.narrow(0, 1, 2).slice(1, 1, 8, 3).slice(2, 0, 20, 2);  // 2×3×10×9
  check_scores(views, ood.slice(1, 1, 5, 3), {.height = 33, .width = 21, .scores = score_names(), .threshold = 0.0});
  check_scores(views, ood.slice(1, 1, 5, 3).to(at::kBFloat16), {.height = 33, .width = 21, .scores = score_names()});
}

TEST_CASE("backends: a NaN or infinite logit spoils its own pixels alone") {
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity()}) {
    for (const int64_t scale : {1, 4}) {
      at::Tensor logits = at::randn({2, 5, 12, 40}) * 3;
      at::Tensor ood = at::randn({2, 2, 12, 40}) * 3;
      logits[0][2][5][7] = broken;
      logits[1][0][11][39] = broken;
      ood[0][1][0][0] = broken;
      const HybridScoreOptions options{.height = 12 * scale, .width = 40 * scale, .scores = score_names(), .threshold = 0.0};
      // The reference multiplies by zero weights too, so compare only at the same size; else look at the pixels.
      if (scale == 1) check_scores(logits, ood, options);
      for (const Backend& backend : backends()) {
        CAPTURE(backend.name);
        const auto got = score_on(backend, logits, ood, options);
        const at::Tensor nan = at::isnan(got.scores.at("hybrid"));
        CHECK(got.non_finite == nan.sum().item<int64_t>());
        CHECK(nan[0][5 * scale][7 * scale].item<bool>());
        CHECK(nan[0][0][0].item<bool>());
        CHECK_FALSE(nan[0][8 * scale][7 * scale].item<bool>());
        CHECK_FALSE(nan[0][5 * scale][10 * scale].item<bool>());
        CHECK(got.labels.masked_select(nan).eq(5).all().item<bool>());
        for (const auto& [name, map] : got.scores) CHECK(at::equal(at::isnan(map), nan));
        if (scale == 1) CHECK(got.non_finite == 3);
      }
    }
  }
}

TEST_CASE("backends: hybrid_loss and its gradients") {
  at::manual_seed(3);
  for (const LossShape& shape : shapes({{2, 3, 3, 4, 7, 9}, {1, 19, 16, 16, 64, 64}, {2, 12, 13, 17, 49, 65},
                                        {1, 2, 8, 9, 8, 9}, {1, 5, 40, 300, 12, 77}, {1, 254, 4, 5, 15, 18},
                                        {3, 4, 1, 1, 20, 140}, {1, 7, 33, 40, 132, 160}, {1, 3, 30, 30, 31, 29},
                                        {1, 1, 4, 4, 16, 16}}, 10)) {
    CAPTURE(shape.classes);
    CAPTURE(shape.rows);
    CAPTURE(shape.columns);
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
          for (const Backend& backend : backends()) {
            CAPTURE(backend.name);
            // The shift is added outside of the kernels.
            const bool shift = !align_corners && backend.kind != Kind::cuda_threads;
            const HybridLossOptions options{.beta_x = 0.4, .beta_d = 0.7, .ignore_is_inlier = align_corners,
                                            .mean_logit_shift = shift, .align_corners = align_corners};
            const auto expected = outcome_of(logits.to(at::kDouble), ood_logits.to(at::kDouble), [&](auto& s, auto& g) {
              return hybrid_loss_reference(s, g, labels, options);
            });
            const auto got = loss_on(backend, logits, ood_logits, labels, options);
            CHECK(got.cls == doctest::Approx(expected.cls).epsilon(1e-5));
            CHECK(got.x == doctest::Approx(expected.x).epsilon(1e-5));
            CHECK(got.d == doctest::Approx(expected.d).epsilon(1e-5));
            CHECK(got.total == doctest::Approx(expected.total).epsilon(1e-5));
            // Source positions are float32 here and float64 there; and the gradient is rounded to bf16 in the end.
            const double tolerance = dtype == at::kFloat ? 1e-4 : 8e-3;
            const double pixel = 0.1 / static_cast<double>(labels.numel());
            CHECK(relative_error(got.grad_logits, expected.grad_logits, pixel) < tolerance);
            CHECK(relative_error(got.grad_ood_logits, expected.grad_ood_logits, pixel) < tolerance);
            CHECK(got.grad_logits.is_contiguous(logits.suggest_memory_format()));
          }
        }
      }
    }
  }
}

TEST_CASE("backends: hybrid_loss gives the same bits again") {
  const LossShape shape{2, 11, 17, 30, 68, 120};
  const at::Tensor labels = random_labels(shape);
  const at::Tensor logits = at::randn({2, 11, 17, 30}) * 4;
  const at::Tensor ood_logits = at::randn({2, 2, 17, 30}) * 4;
  for (const Backend& backend : backends()) {
    CAPTURE(backend.name);
    const auto once = loss_on(backend, logits, ood_logits, labels, {});
    const auto again = loss_on(backend, logits, ood_logits, labels, {});
    CHECK(once.total == again.total);
    CHECK(at::equal(once.grad_logits, again.grad_logits));
    CHECK(at::equal(once.grad_ood_logits, again.grad_ood_logits));
  }
}

TEST_CASE("backends: labels of other types and codes, and a wrong one") {
  const at::Tensor logits = at::randn({1, 3, 4, 5});
  const at::Tensor ood_logits = at::randn({1, 2, 4, 5});
  const at::Tensor labels = at::randint(-2, 3, {1, 9, 11}, at::kLong);
  const HybridLossOptions options{.ignore = -1, .negative = -2};
  const auto expected = outcome_of(logits, ood_logits, [&](auto& s, auto& g) { return hybrid_loss_reference(s, g, labels, options); });
  for (const Backend& backend : backends()) {
    if (backend.kind == Kind::cuda_threads) continue;  // starts behind the labels
    CAPTURE(backend.name);
    const auto got = loss_on(backend, logits, ood_logits, labels, options);
    CHECK(got.total == doctest::Approx(expected.total).epsilon(1e-5));
    CHECK(relative_error(got.grad_logits, expected.grad_logits) < 1e-4);
    for (const auto type : {at::kByte, at::kInt}) {
      CHECK_THROWS_AS(loss_on(backend, logits, ood_logits, at::full({1, 9, 11}, 3, type), {}), Error);
    }
  }
}

TEST_CASE("backends: a NaN or infinite logit gives a NaN loss") {
  const at::Tensor labels = at::ones({1, 16, 16}, at::kByte);
  labels[0][0].fill_(254);
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity()}) {
    for (const Backend& backend : backends()) {
      CAPTURE(backend.name);
      const at::Tensor fine = at::randn({1, 3, 4, 4});
      const at::Tensor fine_ood = at::randn({1, 2, 4, 4});
      at::Tensor logits = fine.clone();
      logits[0][2][3][1] = broken;
      CHECK(std::isnan(loss_on(backend, logits, fine_ood, labels, {}).total));
      at::Tensor ood_logits = fine_ood.clone();
      ood_logits[0][1][0][3] = broken;
      CHECK(std::isnan(loss_on(backend, fine, ood_logits, labels, {}).total));
      if (backend.kind == Kind::cuda_threads) continue;
      HybridLossOptions options;
      options.cpu_path = backend.path;
      CHECK(std::isnan(closed_set_loss(logits.to(backend.device()), labels.to(backend.device()), options).item<double>()));
    }
  }
}

TEST_CASE("backends: jensen_shannon and its gradient") {
  at::manual_seed(5);
  for (const LossShape& shape : shapes({{2, 3, 3, 4, 7, 9}, {1, 19, 16, 16, 64, 64}, {1, 5, 40, 300, 12, 77},
                                        {1, 254, 4, 5, 15, 18}, {3, 4, 1, 1, 20, 140}, {1, 3, 30, 30, 31, 29}}, 10)) {
    CAPTURE(shape.classes);
    CAPTURE(shape.rows);
    CAPTURE(shape.columns);
    CAPTURE(shape.height);
    CAPTURE(shape.width);
    for (const bool align_corners : {false, true}) {
      const at::Tensor logits = at::randn({shape.images, shape.classes, shape.rows, shape.columns}) * 4;
      const at::Tensor wide = logits.to(at::kDouble).requires_grad_(true);
      const at::Tensor mask = (at::rand({shape.images, shape.height, shape.width}) < 0.5).to(at::kByte);
      const auto expected = jensen_shannon_reference(wide, mask, align_corners);
      expected.loss.backward();
      for (const Backend& backend : backends()) {
        CAPTURE(backend.name);
        const auto got = jensen_shannon_on(backend, logits, mask, align_corners);
        CHECK(got.loss == doctest::Approx(expected.loss.item<double>()).epsilon(1e-5));
        CHECK(at::allclose(got.map.to(at::kDouble), expected.map, 1e-4, 2e-5));  // float32 source positions
        if (shape.classes > 1 && mask.any().item<bool>()) CHECK(relative_error(got.gradient, wide.grad()) < 1e-4);
      }
    }
  }
}
