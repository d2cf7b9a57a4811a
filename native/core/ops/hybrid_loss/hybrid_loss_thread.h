// Values and gradients of the training objectives around one source location, the work of a few CUDA threads. Host and
// device: the tests run it in plain loops, because what can go wrong in it is index arithmetic.
//
// Gather form: the threads of a location visit the target pixels that it takes part in and keep what falls on it, so every
// gradient is written once, by one owner, in one order: no atomics, the same bits in every run. The price is that a pixel's
// softmax is evaluated by each of its (at most four) locations; what it buys is that nothing at full resolution is stored,
// not even a map of ln p̂(x).
#pragma once

#include "ops/bilinear_sample.h"
#include "ops/hybrid_loss/hybrid_loss_cpu.h"
#include "ops/hybrid_loss/hybrid_loss_pixel.h"
#include "ops/hybrid_score/hybrid_score_pixel.h"

namespace densehybrid {

// A batch of the fused loss as raw memory; how it is divided into blocks is not in it.
struct HybridLossGrid {
  BatchView<const void*> logits;  // K channels
  BatchView<const void*> ood;     // 2 channels; no data: L_d is not wanted
  int64_t images = 0;
  int classes = 0;
  BilinearScale rows;  // h → H
  BilinearScale columns;  // w → W
  const uint8_t* labels = nullptr;  // N×H×W: class, kNegativeLabel or kIgnoreLabel
  // Gradient of the total with respect to one pixel's term: β / number of the term's pixels
  float cls_weight = 0.0f;
  float x_weight = 0.0f;
  float d_weight = 0.0f;
  float jsd_weight = 0.0f;
  bool jsd = false;               // the Jensen–Shannon term is wanted
  bool ignore_is_inlier = false;  // in L_d
  float* jsd_map = nullptr;       // N×H×W or null
  // Like the inputs; no data where they are not wanted
  BatchView<void*> grad_logits;
  BatchView<void*> grad_ood;
  double* sums = nullptr;  // [block][cls, x, d, jsd], see hybrid_loss_blocks
};

namespace {

// Threads that share the target rows of one location: at stride 4 each has two rows.
constexpr int kLossShares = 4;
// Consecutive locations of a block; a warp is 32 of them, so that it reads and writes neighbours.
constexpr int kLossLocations = 32;
// Classes whose logits and gradients a thread can keep in registers; beyond, gradients alone of a group of classes.
constexpr int kHeldLossClasses = 32;
constexpr int kLossGroup = 64;
constexpr int kLossSums = 4;

// Blocks over the locations, which is also the number of rows of HybridLossGrid::sums.
DENSEHYBRID_PIXEL int64_t hybrid_loss_blocks(int64_t locations) { return (locations + kLossLocations - 1) / kLossLocations; }

struct LossLocation {
  int64_t n, row, column;
};

DENSEHYBRID_PIXEL LossLocation loss_location(const HybridLossGrid& grid, int64_t index) {
  const int64_t line = index / grid.columns.inputs;
  return {line / grid.rows.inputs, line % grid.rows.inputs, index % grid.columns.inputs};
}

// What one thread adds up for its location.
template <int kGroup>
struct LossShare {
  float gradient[kGroup];  // of the group's classes
  float margin;            // with respect to g_1 − g_0
  double sums[kLossSums];  // cls, x, d, jsd, over the pixels whose upper left neighbour the location is
};

// Is everything that the location holds finite? Read once where it lies, for maxima and weights of 0 could lose it.
template <typename T>
DENSEHYBRID_PIXEL bool location_is_finite(const HybridLossGrid& grid, const LossLocation& at) {
  const BilinearPosition row = {static_cast<int32_t>(at.row), static_cast<int32_t>(at.row), 1.0f, 0.0f};
  const BilinearPosition column = {static_cast<int32_t>(at.column), static_cast<int32_t>(at.column), 1.0f, 0.0f};
  const BilinearSample<T> logits = bilinear_sample<T>(grid.logits, at.n, row, column);
  float zero = 0.0f;  // becomes NaN at the first infinity or NaN
  for (int c = 0; c < grid.classes; ++c) zero = logits.at(c) * 0.0f + zero;
  if (grid.ood.data != nullptr) zero = bilinear_difference(grid.ood, at.n, row, column, 1, 0) * 0.0f + zero;
  return zero == 0.0f;
}

// The share of thread `share` in classes [group · kGroup, (group + 1) · kGroup) at a location. Group 0 has the values, the
// map and the margin too. kHeld: K ≤ kGroup, and the logits stay in registers; else they are interpolated at each use.
template <typename T, int kGroup, bool kHeld>
DENSEHYBRID_PIXEL void gather_loss(const HybridLossGrid& grid, const LossLocation& at, int group, int share,
                                   LossShare<kGroup>& out) {
  DENSEHYBRID_UNROLL
  for (int j = 0; j < kGroup; ++j) out.gradient[j] = 0.0f;
  out.margin = 0.0f;
  for (int i = 0; i < kLossSums; ++i) out.sums[i] = 0.0;
  const bool gradients = grid.grad_logits.data != nullptr;
  const int first_class = group * kGroup;
  const int length = kHeld ? kGroup : grid.classes;  // of the loops over all classes; K more or less
  const float uniform = 1.0f / static_cast<float>(grid.classes);
  const float log_uniform = -log(static_cast<float>(grid.classes));

  const BilinearRange lines = bilinear_outputs(grid.rows, at.row);
  const BilinearRange pixels = bilinear_outputs(grid.columns, at.column);
  if (lines.first == lines.last || pixels.first == pixels.last) return;
  // A NaN or infinite logit must not end as a plausible loss.
  if (group == 0 && share == 0 && !location_is_finite<T>(grid, at)) out.sums[0] = static_cast<double>(::nanf(""));
  for (int64_t y = lines.first + share; y < lines.last; y += kLossShares) {
    const BilinearPosition row = bilinear_position(grid.rows, y);
    const float row_weight = bilinear_weight(row, at.row);
    float line[kLossSums] = {0.0f, 0.0f, 0.0f, 0.0f};  // sums of the row in float, of the rows in double
    for (int64_t x = pixels.first; x < pixels.last; ++x) {
      const BilinearPosition column = bilinear_position(grid.columns, x);
      const bool owned = group == 0 && row.i0 == at.row && column.i0 == at.column;
      if (!owned && !gradients) continue;
      const float weight = row_weight * bilinear_weight(column, at.column);
      const int64_t offset = (at.n * grid.rows.outputs + y) * grid.columns.outputs + x;
      const int label = grid.labels[offset];
      const bool known = label < grid.classes;
      const bool negative = label == kNegativeLabel;
      const bool mapped = owned && grid.jsd_map != nullptr;

      if (known || negative || mapped) {
        const BilinearSample<T> logits = bilinear_sample<T>(grid.logits, at.n, row, column);
        float held[kHeld ? kGroup : 1];
        SoftmaxSums<float> sums = {logits.at(0), 0.0f, 0.0f};
        held[0] = sums.max;
        DENSEHYBRID_UNROLL
        for (int c = 1; c < length; ++c) {
          if (kHeld && c >= grid.classes) continue;
          const float logit = logits.at(c);
          if (kHeld) held[c] = logit;
          sums.max = max(logit, sums.max);
        }
        DENSEHYBRID_UNROLL
        for (int c = 0; c < length; ++c) {
          if (kHeld && c >= grid.classes) continue;
          add_logit<false>(sums, kHeld ? held[c] : logits.at(c));
        }
        // ln P(y|x) = (s_y − m) − ln Σ: the difference first, for m may be large and rounds what is added to it.
        const float log_total = log(sums.sum);
        const float inverse = 1.0f / sums.sum;
        if (owned && known) line[0] += log_total - (logits.at(label) - sums.max);
        if (owned && negative) line[1] += sums.max + log_total;

        float jsd_scale = 0.0f;
        float expected = 0.0f;  // Σ p ∂
        if (grid.jsd && (mapped || negative)) {
          float value = 0.0f;
          DENSEHYBRID_UNROLL
          for (int c = 0; c < length; ++c) {
            if (kHeld && c >= grid.classes) continue;
            const float below = (kHeld ? held[c] : logits.at(c)) - sums.max;
            const float p = exp_nonpositive(below) * inverse;
            const auto term = jensen_shannon_term(p, below - log_total, uniform, log_uniform);
            value += term.value;
            expected += p * term.derivative;
          }
          if (mapped) grid.jsd_map[offset] = value;
          if (owned && negative) line[3] += value;
          if (negative) jsd_scale = weight * grid.jsd_weight;
        }

        if (gradients) {
          // ∂ lse / ∂ s_y = P(y|x)
          const float scale = weight * inverse * (known ? grid.cls_weight : (negative ? grid.x_weight : 0.0f));
          const float own = weight * grid.cls_weight;
          DENSEHYBRID_UNROLL
          for (int j = 0; j < kGroup; ++j) {
            const int c = first_class + j;
            if (c >= grid.classes) continue;
            const float below = (kHeld ? held[j] : logits.at(c)) - sums.max;
            const float e = exp_nonpositive(below);
            out.gradient[j] += e * scale;
            if (c == label) out.gradient[j] -= own;
            if (jsd_scale != 0.0f) {
              const auto term = jensen_shannon_term(e * inverse, below - log_total, uniform, log_uniform);
              out.gradient[j] += jsd_scale * (e * inverse) * (term.derivative - expected);
            }
          }
        }
      }

      if (group == 0 && grid.ood.data != nullptr && (known || negative || grid.ignore_is_inlier)) {
        const float margin = bilinear_difference(grid.ood, at.n, row, column, 1, 0);
        // −ln P(d_in|x) = softplus(margin), −ln P(d_out|x) = softplus(−margin)
        const auto posterior = softplus(negative ? -margin : margin);
        if (owned) line[2] += posterior.value;
        out.margin += weight * (negative ? -grid.d_weight : grid.d_weight) * posterior.derivative;
      }
    }
    for (int i = 0; i < kLossSums; ++i) out.sums[i] += static_cast<double>(line[i]);
  }
}

DENSEHYBRID_PIXEL void store(const BatchView<void*>& view, int64_t offset, float value) {
  if (view.bf16) static_cast<uint16_t*>(view.data)[offset] = narrow(value);
  else static_cast<float*>(view.data)[offset] = value;
}

// Gradient of class c at a location, all shares summed.
DENSEHYBRID_PIXEL void store_loss_gradient(const HybridLossGrid& grid, const LossLocation& at, int c, float value) {
  const BatchView<void*>& view = grid.grad_logits;
  store(view, at.n * view.image + c * view.channel + at.row * view.row + at.column * view.column, value);
}

// Gradients of g_0 and g_1 at a location, from that of the margin g_1 − g_0.
DENSEHYBRID_PIXEL void store_margin_gradient(const HybridLossGrid& grid, const LossLocation& at, float value) {
  const BatchView<void*>& view = grid.grad_ood;
  const int64_t offset = at.n * view.image + at.row * view.row + at.column * view.column;
  store(view, offset, -value);
  store(view, offset + view.channel, value);
}

}  // namespace
}  // namespace densehybrid
