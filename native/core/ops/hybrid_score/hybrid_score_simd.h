// hybrid_score on the CPU. Per strip of columns, the two source rows around an output row are upsampled horizontally
// once and kept for all the rows between them; the vertical interpolation, the softmax sums and the scores of a vector
// of pixels then stay in registers and the first-level cache. No full-resolution logit is ever written.
#pragma once

#include "ops/hybrid_score/hybrid_score_cpu.h"
#include "ops/bilinear_simd.h"
#include "ops/hybrid_score/hybrid_score_pixel.h"

namespace densehybrid {
namespace {

constexpr int kMaxClasses = 254;

// The channels that a job interpolates: K logits, then the margin g_0 − g_1 when a score or label needs it.
struct ScorePlan {
  bool sums;    // logsumexp
  bool margin;  // dataset posterior
  int channels;
  int64_t span;  // most source columns under a strip
};

ScorePlan plan(const HybridScoreJob& job) {
  ScorePlan p;
  p.margin = job.open || job.hybrid != nullptr || job.discriminative != nullptr;
  p.sums = job.open || job.hybrid != nullptr || job.generative != nullptr || job.max_softmax != nullptr ||
           job.entropy != nullptr;
  p.channels = job.classes + (p.margin ? 1 : 0);
  p.span = widest_span(job.columns, job.width);
  return p;
}

int64_t score_scratch(const HybridScoreJob& job) {
  const ScorePlan p = plan(job);
  return (p.channels + 2) * (p.span + kLanes) + 2 * p.channels * kStripPitch;
}

// The strip's source row, upsampled horizontally: [channel][kStripPitch]. Returns whether all its values are finite.
bool fill(const HybridScoreJob& job, const ScorePlan& p, int64_t row, int64_t x0, int64_t count, float* source, float* out) {
  const int64_t first = job.columns.i0[x0];
  const int64_t span = job.columns.i1[x0 + count - 1] - first + 1;
  const int64_t pitch = p.span + kLanes;
  load_row(job.logits, job.classes, row, first, span, source, pitch);
  if (p.margin) {
    float* g0 = source + job.classes * pitch;
    float* g1 = g0 + pitch;
    load_row(job.ood, 2, row, first, span, g0, pitch);
    for (int64_t x = 0; x < span; ++x) g0[x] -= g1[x];
  }
  bool finite = true;
  for (int c = 0; c < p.channels; ++c) {
    finite = all_finite(source + c * pitch, span) && finite;
    interpolate_columns(source + c * pitch, first, job.columns, x0, count, out + c * kStripPitch);
  }
  return finite;
}

// One vector of pixels: columns x … x + lanes of a strip. kCheck: some logit around may be NaN or infinite.
template <bool kCheck, bool kEntropy>
int64_t score_pixels(const HybridScoreJob& job, const ScorePlan& p, const float* above, const float* below, float w0,
                     float w1, int64_t offset, int lanes) {
  alignas(64) float s[kMaxClasses * kLanes];  // interpolated logits
  Floats zero = splat(0.0f);
  SoftmaxSums<Floats> sums = {load(above) * w0 + load(below) * w1, splat(0.0f), splat(0.0f)};
  store(s, sums.max);
  if (kCheck) zero = sums.max * 0.0f;
  Ints label = splat_int(0);
  for (int c = 1; c < job.classes; ++c) {
    const Floats logit = load(above + c * kStripPitch) * w0 + load(below + c * kStripPitch) * w1;
    store(s + c * kLanes, logit);
    if (kCheck) zero = logit * 0.0f + zero;
    label = logit > sums.max ? splat_int(c) : label;  // of equal logits the first class
    sums.max = max(logit, sums.max);
  }
  if (p.sums) {
    for (int c = 0; c < job.classes; ++c) add_logit<kEntropy>(sums, load(s + c * kLanes));
  }
  Floats margin = splat(0.0f);
  if (p.margin) margin = load(above + job.classes * kStripPitch) * w0 + load(below + job.classes * kStripPitch) * w1;
  if (kCheck) zero = margin * 0.0f + zero;

  const auto emit = [&](float* map, Floats value) {
    // zero is 0, or NaN where a logit is not finite
    if (map != nullptr) store_partial(map + offset, kCheck ? (zero == 0.0f ? value : zero) : value, lanes);
  };
  Floats generative = splat(0.0f);
  Floats discriminative = splat(0.0f);
  if (p.sums) generative = generative_score(sums);
  if (p.margin) discriminative = discriminative_score(margin);
  const Floats hybrid = discriminative + generative;
  emit(job.hybrid, hybrid);
  emit(job.discriminative, discriminative);
  emit(job.generative, generative);
  if (job.max_softmax != nullptr) emit(job.max_softmax, max_softmax_score(sums));
  emit(job.max_logit, -sums.max);
  if (kEntropy) emit(job.entropy, entropy_score(sums));

  if (job.open) label = hybrid > job.threshold ? splat_int(job.classes) : label;
  int64_t bad = 0;
  if (kCheck) {
    const Ints broken = ~(zero == 0.0f);
    label = broken ? splat_int(job.classes) : label;
    for (int lane = 0; lane < lanes; ++lane) bad -= broken[lane];
  }
  using Bytes = uint8_t __attribute__((vector_size(DENSEHYBRID_LANES)));
  const Bytes bytes = __builtin_convertvector(label, Bytes);
  memcpy(job.labels + offset, &bytes, static_cast<size_t>(lanes));
  return bad;
}

int64_t score_rows(const HybridScoreJob& job, int64_t first, int64_t last, float* scratch) {
  const ScorePlan p = plan(job);
  float* source = scratch;
  float* slots[2];
  slots[0] = source + (p.channels + 2) * (p.span + kLanes);
  slots[1] = slots[0] + p.channels * kStripPitch;
  int64_t bad = 0;
  for (int64_t x0 = 0; x0 < job.width; x0 += kStrip) {
    const int64_t count = x0 + kStrip < job.width ? kStrip : job.width - x0;
    int64_t held[2] = {-1, -1};  // the source rows in the slots
    bool finite[2] = {true, true};
    const auto replace = [&](int slot, int64_t row) {
      finite[slot] = fill(job, p, row, x0, count, source, slots[slot]);
      held[slot] = row;
    };
    for (int64_t y = first; y < last; ++y) {
      const int64_t row0 = job.rows.i0[y];
      const int64_t row1 = job.rows.i1[y];
      int upper = held[0] == row0 ? 0 : 1;
      if (held[upper] != row0) {
        upper = held[0] == row1 ? 1 : 0;  // the lower row stays where it is held
        replace(upper, row0);
      }
      const int lower = row1 == row0 ? upper : 1 - upper;
      if (held[lower] != row1) replace(lower, row1);
      const bool check = !(finite[upper] && finite[lower]);
      for (int64_t x = 0; x < count; x += kLanes) {
        const int lanes = static_cast<int>(x + kLanes < count ? kLanes : count - x);
        const float* above = slots[upper] + x;
        const float* below = slots[lower] + x;
        const float w0 = job.rows.w0[y];
        const float w1 = job.rows.w1[y];
        const int64_t offset = y * job.width + x0 + x;
        if (check) bad += score_pixels<true, true>(job, p, above, below, w0, w1, offset, lanes);
        else if (job.entropy != nullptr) score_pixels<false, true>(job, p, above, below, w0, w1, offset, lanes);
        else score_pixels<false, false>(job, p, above, below, w0, w1, offset, lanes);
      }
    }
  }
  return bad;
}

}  // namespace
}  // namespace densehybrid
