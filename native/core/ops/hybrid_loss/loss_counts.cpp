#include "ops/hybrid_loss/loss_counts.h"

#include <cmath>

#include "common/error.h"
#include "ops/hybrid_loss/hybrid_loss_cpu.h"

namespace densehybrid {

void fail_label(int64_t label, int64_t classes, int64_t negative, int64_t ignore) {
  throw Error("INVALID_ARGUMENT", "Expected labels from 0 to " + std::to_string(classes - 1) + ", " +
                                      std::to_string(negative) + " (negative) or " + std::to_string(ignore) +
                                      " (ignore) but received " + std::to_string(label) + ".");
}

LossCounts loss_counts(const LabelHistogram& histogram, int64_t classes, bool ignore_is_inlier) {
  LossCounts counts;
  for (int64_t label = 0; label < kNegativeLabel; ++label) {
    const int64_t count = histogram[static_cast<size_t>(label)];
    if (label < classes) counts.known += count;
    else if (count > 0) fail_label(label, classes, kNegativeLabel, kIgnoreLabel);
  }
  counts.negatives = histogram[kNegativeLabel];
  counts.counted = counts.known + counts.negatives + (ignore_is_inlier ? histogram[kIgnoreLabel] : 0);
  return counts;
}

double mean_of(double sum, int64_t count) { return count == 0 ? 0.0 : sum / static_cast<double>(count); }

void set_values(const double* sums, const LossCounts& counts, FusedLossResult& result) {
  // A poisoned sum (NaN logits) stays NaN whatever its divisor.
  result.cls = std::isnan(sums[0]) ? sums[0] : mean_of(sums[0], counts.known);
  result.x = mean_of(sums[1], counts.negatives);
  result.d = mean_of(sums[2], counts.counted);
  result.jsd = mean_of(sums[3], counts.negatives);
  result.negatives = counts.negatives;
}

}  // namespace densehybrid
