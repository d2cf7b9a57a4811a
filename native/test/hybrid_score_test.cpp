#include "ops/hybrid_score/hybrid_score.h"

#include "common/error.h"
#include "ops/hybrid_score/hybrid_score_reference.h"
#include "support.h"  // last: it brings doctest after libtorch


using namespace densehybrid;

TEST_CASE("hybrid_score: agrees with the definitions in float64") {
  const at::Tensor logits = at::randn({2, 5, 6, 7}) * 4;
  const at::Tensor ood = at::randn({2, 2, 6, 7}) * 4;
  const auto result = hybrid_score(logits, ood, {.height = 6, .width = 7, .scores = score_names(), .threshold = 0.0});
  const at::Tensor s = logits.to(at::kDouble);
  const at::Tensor p = s.softmax(1);
  const std::map<std::string, at::Tensor> expected = {
      {"discriminative", ood.to(at::kDouble).log_softmax(1).select(1, 1)},
      {"generative", -s.logsumexp({1})},
      {"hybrid", ood.to(at::kDouble).log_softmax(1).select(1, 1) - s.logsumexp({1})},
      {"maxSoftmax", -std::get<0>(p.max(1))},
      {"maxLogit", -std::get<0>(s.max(1))},
      {"entropy", -(p * p.log()).sum(1)},
  };
  REQUIRE(result.scores.size() == expected.size());
  for (const auto& [name, map] : expected) {
    CAPTURE(name);
    CHECK(at::allclose(result.scores.at(name).to(at::kDouble), map, 1e-5, 1e-5));
  }
  const at::Tensor labels = at::where(expected.at("hybrid") > 0.0, at::full({}, 5, at::kLong), s.argmax(1));
  CHECK(at::equal(result.labels.to(at::kLong), labels));
}

TEST_CASE("hybrid_score: stays finite for extreme logits") {
  const at::Tensor logits = at::full({1, 3, 2, 2}, 0.0f);
  logits.select(1, 0).fill_(9e4f);
  const at::Tensor ood = at::full({1, 2, 2, 2}, 0.0f);
  ood.select(1, 0).fill_(500.0f);
  const auto result = hybrid_score(logits, ood, {.height = 4, .width = 4, .scores = score_names(), .threshold = {}});
  for (const auto& [name, map] : result.scores) {
    CAPTURE(name);
    CHECK(at::isfinite(map).all().item<bool>());
  }
  CHECK(result.scores.at("discriminative").min().item<float>() == doctest::Approx(-500.0));
}

namespace {

// The largest difference of finite values, in units of 1 + |expected|; infinite when NaNs do not lie in the same places.
double difference(const at::Tensor& got, const at::Tensor& expected) {
  if (!at::equal(at::isnan(got), at::isnan(expected))) return std::numeric_limits<double>::infinity();
  const at::Tensor a = at::nan_to_num(got.to(at::kDouble), 0.0);
  const at::Tensor b = at::nan_to_num(expected.to(at::kDouble), 0.0);
  return ((a - b).abs() / (b.abs() + 1.0)).max().item<double>();
}

// Labels may differ from the reference only where the two best logits, or score and threshold, are nearly equal.
void check_against_reference(const at::Tensor& logits, const at::Tensor& ood, HybridScoreOptions options) {
  const auto expected = hybrid_score_reference(logits, ood, options);
  for (const CpuPath path : available_cpu_paths()) {
    CAPTURE(to_string(path));
    options.cpu_path = path;
    const auto got = hybrid_score(logits, ood, options);
    for (const auto& [name, map] : expected.scores) {
      CAPTURE(name);
      CHECK(difference(got.scores.at(name), map) < 2e-5);
    }
    CHECK(got.non_finite == expected.non_finite);
    CHECK((got.labels != expected.labels).sum().item<int64_t>() <= got.labels.numel() / 2000);
  }
}

}  // namespace

TEST_CASE("hybrid_score: every CPU path agrees with the reference over sizes, layouts and dtypes") {
  at::manual_seed(7);
  struct Case {
    std::array<int64_t, 4> shape;
    int64_t height, width;
  };
  const Case cases[] = {
      {{1, 19, 16, 32}, 64, 128},  {{2, 12, 9, 13}, 37, 55},   {{1, 2, 5, 7}, 5, 7},      {{3, 3, 1, 1}, 40, 300},
      {{1, 5, 64, 200}, 20, 33},   {{1, 254, 6, 9}, 23, 34},   {{1, 1, 4, 4}, 16, 16},    {{1, 7, 30, 40}, 31, 41},
      {{1, 11, 40, 700}, 35, 129}, {{2, 4, 3, 257}, 6, 260},   {{1, 6, 90, 120}, 360, 480}, {{1, 3, 2, 3}, 1, 1},
  };
  for (const Case& c : cases) {
    CAPTURE(c.height);
    CAPTURE(c.width);
    for (const bool align_corners : {false, true}) {
      for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
        for (const auto format : {at::MemoryFormat::Contiguous, at::MemoryFormat::ChannelsLast}) {
          const at::Tensor logits = (at::randn(c.shape) * 6).to(dtype).contiguous(format);
          const at::Tensor ood = (at::randn({c.shape[0], 2, c.shape[2], c.shape[3]}) * 6).to(dtype).contiguous(format);
          check_against_reference(logits, ood,
                                  {.height = c.height, .width = c.width, .align_corners = align_corners,
                                   .scores = score_names(), .threshold = -5.0});
        }
      }
    }
  }
}

TEST_CASE("hybrid_score: every subset of the scores gives the same maps") {
  const at::Tensor logits = at::randn({1, 6, 8, 9}) * 5;
  const at::Tensor ood = at::randn({1, 2, 8, 9}) * 5;
  for (size_t bits = 0; bits < (size_t{1} << score_names().size()); ++bits) {
    HybridScoreOptions options{.height = 30, .width = 37};
    for (size_t i = 0; i < score_names().size(); ++i) {
      if ((bits >> i & 1) != 0) options.scores.push_back(score_names()[i]);
    }
    check_against_reference(logits, ood, options);
  }
}

TEST_CASE("hybrid_score: a NaN or infinite logit spoils its own pixels alone") {
  for (const float broken : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity()}) {
    for (const int64_t scale : {1, 4}) {
      at::Tensor logits = at::randn({2, 5, 12, 40}) * 3;
      at::Tensor ood = at::randn({2, 2, 12, 40}) * 3;
      logits[0][2][5][7] = broken;
      logits[1][0][11][39] = broken;
      ood[0][1][0][0] = broken;
      HybridScoreOptions options{.height = 12 * scale, .width = 40 * scale, .scores = score_names(), .threshold = 0.0};
      // The reference multiplies by zero weights too, so compare only at the same size; else look at the pixels.
      if (scale == 1) check_against_reference(logits, ood, options);
      for (const CpuPath path : available_cpu_paths()) {
        CAPTURE(to_string(path));
        options.cpu_path = path;
        const auto got = hybrid_score(logits, ood, options);
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

TEST_CASE("hybrid_score: shapes that disagree are an error") {
  const HybridScoreOptions options{.height = 4, .width = 4};
  CHECK_THROWS_AS(hybrid_score(at::zeros({1, 3, 2, 2}), at::zeros({1, 3, 2, 2}), options), Error);
  CHECK_THROWS_AS(hybrid_score(at::zeros({1, 255, 2, 2}), at::zeros({1, 2, 2, 2}), options), Error);
  CHECK_THROWS_AS(hybrid_score(at::zeros({1, 3, 2, 2}), at::zeros({1, 2, 2, 3}), options), Error);
  CHECK_THROWS_AS(hybrid_score(at::zeros({1, 3, 2, 2}), at::zeros({1, 2, 2, 2}), {.height = 0, .width = 4}), Error);
}
