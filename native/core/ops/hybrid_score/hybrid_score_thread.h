// One pixel of hybrid_score, the work of one CUDA thread. Host and device: the tests run it in plain loops, because what
// can go wrong in it is index arithmetic.
#pragma once

#include "ops/bilinear_sample.h"
#include "ops/hybrid_score/hybrid_score_pixel.h"

namespace densehybrid {

// A batch of hybrid_score as raw memory; how it is divided into blocks is not in it.
struct HybridScoreGrid {
  BatchView<const void*> logits;  // K channels
  BatchView<const void*> ood;     // 2 channels
  int64_t images = 0;
  int classes = 0;  // K
  int64_t height = 0;  // target size
  int64_t width = 0;
  BilinearScale rows;
  BilinearScale columns;
  // N×height×width each; labels always, a score where its pointer is not null
  uint8_t* labels = nullptr;
  float* hybrid = nullptr;
  float* discriminative = nullptr;
  float* generative = nullptr;
  float* max_softmax = nullptr;
  float* max_logit = nullptr;
  float* entropy = nullptr;
  bool open = false;  // label K where s_H > threshold
  float threshold = 0.0f;
  bool margin = false;  // does a score or label need the dataset posterior?
  bool sums = false;    // and logsumexp?
  unsigned long long* non_finite = nullptr;  // the launcher adds the number of pixels with a NaN or infinite logit
};

namespace {

// Classes whose interpolated logits a thread can keep in registers.
constexpr int kHeldClasses = 32;

// Writes target pixel (n, y, x). Returns whether a logit of it is NaN or infinite: scores NaN, label K.
//
// Two passes over the classes, the maximum and then the sums: one pass would rescale its sums at every new maximum. kHeld:
// K ≤ kHeldClasses, and the second pass takes the logits from registers. Else it interpolates them again, from neighbours
// that the first pass and the pixels around have left in the first-level cache; K floats a thread would spill.
template <typename T, bool kHeld>
DENSEHYBRID_PIXEL bool score_pixel(const HybridScoreGrid& grid, int64_t n, int64_t y, int64_t x) {
  const BilinearPosition row = bilinear_position(grid.rows, y);
  const BilinearPosition column = bilinear_position(grid.columns, x);
  const BilinearSample<T> logits = bilinear_sample<T>(grid.logits, n, row, column);
  const int length = kHeld ? kHeldClasses : grid.classes;  // of the loops; K more or less

  float held[kHeld ? kHeldClasses : 1];
  SoftmaxSums<float> sums = {logits.at(0), 0.0f, 0.0f};
  held[0] = sums.max;
  float zero = sums.max * 0.0f;  // becomes NaN at the first infinity or NaN
  int label = 0;
  DENSEHYBRID_UNROLL
  for (int c = 1; c < length; ++c) {
    if (kHeld && c >= grid.classes) continue;
    const float logit = logits.at(c);
    if (kHeld) held[c] = logit;
    zero = logit * 0.0f + zero;
    label = logit > sums.max ? c : label;  // of equal logits the first class
    sums.max = max(logit, sums.max);
  }
  if (grid.sums) {
    DENSEHYBRID_UNROLL
    for (int c = 0; c < length; ++c) {
      if (kHeld && c >= grid.classes) continue;
      add_logit<true>(sums, kHeld ? held[c] : logits.at(c));
    }
  }
  const float margin = grid.margin ? bilinear_difference(grid.ood, n, row, column, 0, 1) : 0.0f;
  zero = margin * 0.0f + zero;
  const bool broken = !(zero == 0.0f);

  const int64_t offset = (n * grid.height + y) * grid.width + x;
  const auto emit = [&](float* map, float value) {
    if (map != nullptr) map[offset] = broken ? zero : value;
  };
  const float generative = grid.sums ? generative_score(sums) : 0.0f;
  const float discriminative = grid.margin ? discriminative_score(margin) : 0.0f;
  const float hybrid = discriminative + generative;
  emit(grid.hybrid, hybrid);
  emit(grid.discriminative, discriminative);
  emit(grid.generative, generative);
  if (grid.max_softmax != nullptr) emit(grid.max_softmax, max_softmax_score(sums));
  emit(grid.max_logit, -sums.max);
  if (grid.entropy != nullptr) emit(grid.entropy, entropy_score(sums));
  if (broken || (grid.open && hybrid > grid.threshold)) label = grid.classes;
  grid.labels[offset] = static_cast<uint8_t>(label);
  return broken;
}

}  // namespace
}  // namespace densehybrid
