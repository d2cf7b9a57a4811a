#include "ops/hybrid_score/hybrid_score.h"

#include "common/error.h"
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

TEST_CASE("hybrid_score: shapes that disagree are an error") {
  const HybridScoreOptions options{.height = 4, .width = 4};
  CHECK_THROWS_AS(hybrid_score(at::zeros({1, 3, 2, 2}), at::zeros({1, 3, 2, 2}), options), Error);
  CHECK_THROWS_AS(hybrid_score(at::zeros({1, 255, 2, 2}), at::zeros({1, 2, 2, 2}), options), Error);
  CHECK_THROWS_AS(hybrid_score(at::zeros({1, 3, 2, 2}), at::zeros({1, 2, 2, 3}), options), Error);
  CHECK_THROWS_AS(hybrid_score(at::zeros({1, 3, 2, 2}), at::zeros({1, 2, 2, 2}), {.height = 0, .width = 4}), Error);
}
