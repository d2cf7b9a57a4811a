#pragma once

#include <array>
#include <cstdint>

#include "ops/hybrid_loss/fused_loss.h"

namespace densehybrid {

// Number of pixels of every label, in the codes of hybrid_loss_cpu.h.
using LabelHistogram = std::array<int64_t, 256>;

// Pixels of each term.
struct LossCounts {
  int64_t known = 0;      // L_cls
  int64_t negatives = 0;  // L_x and the Jensen–Shannon term
  int64_t counted = 0;    // L_d
};

// Throws Error INVALID_ARGUMENT for a label outside the classes.
LossCounts loss_counts(const LabelHistogram& histogram, int64_t classes, bool ignore_is_inlier);

[[noreturn]] void fail_label(int64_t label, int64_t classes, int64_t negative, int64_t ignore);

// 0 without pixels.
double mean_of(double sum, int64_t count);

// The means from the sums of cls, x, d and jsd.
void set_values(const double* sums, const LossCounts& counts, FusedLossResult& result);

}  // namespace densehybrid
