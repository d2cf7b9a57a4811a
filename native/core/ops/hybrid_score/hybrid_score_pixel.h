// The per-pixel maths of hybrid_score (METHOD §1), for one pixel (F = float: CUDA) or a vector of pixels (F = Floats).
// Include simd/simd.h or simd/scalar_math.h, which define max, abs, exp_nonpositive, log and log1p_unit, before it.
#pragma once

#include "simd/scalar_math.h"

namespace densehybrid {
namespace {

// What one pass over the class logits s_y leaves: m = max s_y, Σ e^(s_y − m) ≥ 1 and Σ e^(s_y − m) · (s_y − m).
template <typename F>
struct SoftmaxSums {
  F max;
  F sum;
  F weighted;
};

// Adds one logit; sums.max is final before.
template <bool kWeighted, typename F>
DENSEHYBRID_PIXEL void add_logit(SoftmaxSums<F>& sums, F logit) {
  const F below = logit - sums.max;
  const F e = exp_nonpositive(below);
  sums.sum = sums.sum + e;
  if (kWeighted) sums.weighted = sums.weighted + e * below;
}

// s_G = −ln p̂(x) = −(m + ln Σ e^(s_y − m))
template <typename F>
DENSEHYBRID_PIXEL F generative_score(const SoftmaxSums<F>& sums) {
  return -(sums.max + log(sums.sum));
}

// s_D = ln P(d_out|x) = −softplus(margin), margin = g_0 − g_1
template <typename F>
DENSEHYBRID_PIXEL F discriminative_score(F margin) {
  const F t = exp_nonpositive(-abs(margin));
  return -(max(margin, F{} + 0.0f) + log1p_unit(t));
}

// −max P(y|x); m belongs to the largest P, e^0 / Σ
template <typename F>
DENSEHYBRID_PIXEL F max_softmax_score(const SoftmaxSums<F>& sums) {
  return -1.0f / sums.sum;
}

// −Σ P ln P with ln P = (s_y − m) − ln Σ
template <typename F>
DENSEHYBRID_PIXEL F entropy_score(const SoftmaxSums<F>& sums) {
  return log(sums.sum) - sums.weighted / sums.sum;
}

}  // namespace
}  // namespace densehybrid
