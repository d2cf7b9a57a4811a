#include "ops/hybrid_score/hybrid_score_grid.h"

#include <ATen/ops/empty.h>

#include <array>

#include "ops/tensor_view.h"

namespace densehybrid {

HybridScoreGrid hybrid_score_grid(const at::Tensor& logits, const at::Tensor& ood_logits,
                                  const HybridScoreOptions& options, HybridScoreResult& result) {
  const std::array<int64_t, 3> shape = {logits.size(0), options.height, options.width};
  result.labels = at::empty(shape, logits.options().dtype(at::kByte));
  for (const std::string& name : options.scores) {
    result.scores[name] = at::empty(shape, logits.options().dtype(at::kFloat));
  }
  HybridScoreGrid grid;
  grid.logits = batch_view(logits);
  grid.ood = batch_view(ood_logits);
  grid.images = logits.size(0);
  grid.classes = static_cast<int>(logits.size(1));
  grid.height = options.height;
  grid.width = options.width;
  grid.rows = bilinear_scale(logits.size(2), options.height, options.align_corners);
  grid.columns = bilinear_scale(logits.size(3), options.width, options.align_corners);
  const auto map = [&](const char* name) {
    const auto found = result.scores.find(name);
    return found == result.scores.end() ? nullptr : found->second.mutable_data_ptr<float>();
  };
  grid.labels = result.labels.mutable_data_ptr<uint8_t>();
  grid.hybrid = map("hybrid");
  grid.discriminative = map("discriminative");
  grid.generative = map("generative");
  grid.max_softmax = map("maxSoftmax");
  grid.max_logit = map("maxLogit");
  grid.entropy = map("entropy");
  grid.open = options.threshold.has_value();
  grid.threshold = static_cast<float>(options.threshold.value_or(0.0));
  grid.margin = grid.open || grid.hybrid != nullptr || grid.discriminative != nullptr;
  grid.sums = grid.open || grid.hybrid != nullptr || grid.generative != nullptr || grid.max_softmax != nullptr ||
              grid.entropy != nullptr;
  return grid;
}

}  // namespace densehybrid
