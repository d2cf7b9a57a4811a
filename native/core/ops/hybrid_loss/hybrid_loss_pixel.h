// The per-pixel maths of hybrid_loss (METHOD §2, §4), for one pixel (F = float: CUDA) or a vector of pixels.
// Include simd/simd.h or simd/scalar_math.h before it.
#pragma once

#include "simd/scalar_math.h"

namespace densehybrid {
namespace {

// Value and derivative of softplus(margin) = ln(1 + e^margin); the derivative is the sigmoid.
template <typename F>
struct Softplus {
  F value;
  F derivative;
};

template <typename F>
DENSEHYBRID_PIXEL Softplus<F> softplus(F margin) {
  const F t = exp_nonpositive(-abs(margin));
  const F sigmoid_of_abs = 1.0f / (1.0f + t);
  return {max(margin, F{} + 0.0f) + log1p_unit(t), margin < 0.0f ? t * sigmoid_of_abs : sigmoid_of_abs};
}

// One class of JSD(U ‖ P) = ½ KL(P‖M) + ½ KL(U‖M), M = (P + U) / 2, and ∂JSD/∂P_y = ½ ln(P_y / M_y).
template <typename F>
struct JensenShannonTerm {
  F value;
  F derivative;
};

template <typename F>
DENSEHYBRID_PIXEL JensenShannonTerm<F> jensen_shannon_term(F probability, F log_probability, float uniform,
                                                           float log_uniform) {
  const F log_mean = log((probability + uniform) * 0.5f);
  const F derivative = 0.5f * (log_probability - log_mean);
  return {probability * derivative + (0.5f * uniform) * (log_uniform - log_mean), derivative};
}

}  // namespace
}  // namespace densehybrid
