#include "ops/hybrid_score/hybrid_score_reference.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/logsumexp.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/where.h>

#include <algorithm>
#include <limits>

namespace densehybrid {
namespace {

at::Tensor upsample(const at::Tensor& x, const HybridScoreOptions& options) {
  const at::Tensor wide = x.to(at::kFloat);
  if (x.size(2) == options.height && x.size(3) == options.width) return wide;
  return at::upsample_bilinear2d(wide, {options.height, options.width}, options.align_corners, std::nullopt,
                                 std::nullopt);
}

}  // namespace

HybridScoreResult hybrid_score_reference(const at::Tensor& logits, const at::Tensor& ood_logits,
                                         const HybridScoreOptions& options, const CancelToken& cancel) {
  const auto wants = [&](const char* name) {
    return std::find(options.scores.begin(), options.scores.end(), name) != options.scores.end();
  };
  const int64_t classes = logits.size(1);
  HybridScoreResult result;
  std::vector<at::Tensor> labels;
  std::map<std::string, std::vector<at::Tensor>> scores;
  // One image at a time: the upsampled logits of a batch would be K times the size of its result.
  for (int64_t n = 0; n < logits.size(0); ++n) {
    cancel.check();
    const at::Tensor s = upsample(logits.narrow(0, n, 1), options).squeeze(0);  // K×H×W
    const auto [max_logit, argmax] = s.max(0);
    at::Tensor label = argmax.to(at::kByte);
    at::Tensor broken = at::isfinite(s).all(0).logical_not();

    at::Tensor density;  // ln p̂(x)
    if (options.threshold || wants("generative") || wants("hybrid") || wants("maxSoftmax") || wants("entropy")) {
      density = at::logsumexp(s, {0});
    }
    at::Tensor discriminative;
    if (options.threshold || wants("discriminative") || wants("hybrid")) {
      const at::Tensor g = upsample(ood_logits.narrow(0, n, 1), options).squeeze(0);
      discriminative = at::softplus(g[0] - g[1]).neg_();
      broken = broken.logical_or(at::isfinite(g).all(0).logical_not());
    }
    at::Tensor hybrid;
    if (options.threshold || wants("hybrid")) hybrid = discriminative - density;
    if (options.threshold) label.masked_fill_(hybrid > *options.threshold, classes);
    label.masked_fill_(broken, classes);
    result.non_finite += broken.sum().item<int64_t>();
    labels.push_back(label);

    if (wants("hybrid")) scores["hybrid"].push_back(hybrid);
    if (wants("discriminative")) scores["discriminative"].push_back(discriminative);
    if (wants("generative")) scores["generative"].push_back(density.neg());
    if (wants("maxSoftmax")) scores["maxSoftmax"].push_back((max_logit - density).exp_().neg_());
    if (wants("maxLogit")) scores["maxLogit"].push_back(max_logit.neg());
    if (wants("entropy")) {
      // −Σ P ln P with ln P = s − lse; P = 0 contributes 0 because exp underflows before ln P overflows.
      const at::Tensor log_p = s - density;
      scores["entropy"].push_back((log_p.exp() * log_p).sum(0).neg_());
    }
    for (auto& [name, maps] : scores) maps.back().masked_fill_(broken, std::numeric_limits<float>::quiet_NaN());
  }
  result.labels = at::stack(labels);
  for (const auto& [name, maps] : scores) result.scores[name] = at::stack(maps);
  return result;
}

}  // namespace densehybrid
