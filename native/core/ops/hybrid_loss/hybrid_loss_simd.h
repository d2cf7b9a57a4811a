// hybrid_loss on the CPU, values and gradients at once. Like hybrid_score it upsamples two source rows at a time over a
// strip of columns; the gradient of the upsampling is its transpose, taken in the same order: pixels are gathered
// vertically into two rows at the strip's full resolution, and each of these, when complete, horizontally into one row
// of the low-resolution gradient. Nothing at full resolution is written but rows of one strip.
#pragma once

#include "ops/hybrid_loss/hybrid_loss_cpu.h"
#include "ops/bilinear_simd.h"
#include "ops/hybrid_loss/hybrid_loss_pixel.h"

namespace densehybrid {
namespace {

struct LossPlan {
  bool margin;
  int channels;   // K, and the margin g_1 − g_0
  int64_t pitch;  // of a loaded source row
  int64_t row;    // floats of one row of all channels at the strip's full resolution
};

LossPlan plan(const HybridLossJob& job) {
  LossPlan p;
  p.margin = job.ood.data != nullptr;
  p.channels = job.classes + (p.margin ? 1 : 0);
  p.pitch = widest_span(job.column_axis, job.width) + kLanes;
  p.row = static_cast<int64_t>(p.channels) * kStripPitch;
  return p;
}

int64_t loss_scratch(const HybridLossJob& job) {
  const LossPlan p = plan(job);
  return (p.channels + 2) * p.pitch + 4 * p.row + 2 * static_cast<int64_t>(job.classes) * kLanes;
}

// The working memory of one band.
struct LossRows {
  float* source;       // loaded source row of all channels
  float* upsampled[2];  // source rows r and r + 1 over the strip
  float* gradient[2];   // of the same rows
  float* logits;       // [class][lane] of one vector of pixels
  float* exponentials;
};

// The strip's source row, upsampled horizontally. Returns whether all its values are finite.
bool fill(const HybridLossJob& job, const LossPlan& p, int64_t row, int64_t x0, int64_t count, float* source, float* out) {
  const int64_t first = job.column_axis.i0[x0];
  const int64_t span = job.column_axis.i1[x0 + count - 1] - first + 1;
  load_row(job.logits, job.classes, row, first, span, source, p.pitch);
  if (p.margin) {
    float* g0 = source + job.classes * p.pitch;
    float* g1 = g0 + p.pitch;
    load_row(job.ood, 2, row, first, span, g0, p.pitch);
    for (int64_t x = 0; x < span; ++x) g0[x] = g1[x] - g0[x];
  }
  bool finite = true;
  for (int c = 0; c < p.channels; ++c) {
    finite = all_finite(source + c * p.pitch, span) && finite;
    interpolate_columns(source + c * p.pitch, first, job.column_axis, x0, count, out + c * kStripPitch);
  }
  return finite;
}

// Sums of the terms over some pixels.
struct TermSums {
  Floats cls, x, d, jsd;
};

// Labels of a vector of pixels as numbers; −1 in the lanes behind the image.
DENSEHYBRID_INLINE Ints load_labels(const uint8_t* labels, int lanes) {
  Ints l = splat_int(-1);
  for (int lane = 0; lane < lanes; ++lane) l[lane] = labels[lane];
  return l;
}

// The Jensen–Shannon term of a vector of pixels: adds its value, and puts its gradient with respect to the logits,
// p_y (∂_y − Σ p ∂), times `weight`, on both rows.
void jensen_shannon_pixels(const HybridLossJob& job, const LossRows& rows, int64_t x, float w0, float w1, Floats m,
                           Floats log_total, Floats scale, Ints selected, int64_t offset, int lanes, TermSums& sums) {
  const float uniform = 1.0f / static_cast<float>(job.classes);
  const float log_uniform = -__builtin_logf(static_cast<float>(job.classes));
  Floats value = splat(0.0f);
  Floats expected = splat(0.0f);  // Σ p ∂
  for (int c = 0; c < job.classes; ++c) {
    const Floats p = load(rows.exponentials + c * kLanes) * scale;
    const auto term = jensen_shannon_term(p, load(rows.logits + c * kLanes) - m - log_total, uniform, log_uniform);
    value = value + term.value;
    expected = expected + p * term.derivative;
    store(rows.logits + c * kLanes, term.derivative);
  }
  if (job.jsd_map != nullptr) store_partial(job.jsd_map + offset, value, lanes);
  sums.jsd = sums.jsd + (selected ? value : splat(0.0f));
  if (job.grad_logits == nullptr || job.jsd_weight == 0.0f) return;
  const Floats weight = selected ? splat(job.jsd_weight) : splat(0.0f);
  for (int c = 0; c < job.classes; ++c) {
    const Floats p = load(rows.exponentials + c * kLanes) * scale;
    const Floats gradient = weight * p * (load(rows.logits + c * kLanes) - expected);
    float* upper = rows.gradient[0] + c * kStripPitch + x;
    float* lower = rows.gradient[1] + c * kStripPitch + x;
    store(upper, gradient * w0 + load(upper));
    store(lower, gradient * w1 + load(lower));
  }
}

// One vector of pixels, columns x … x + lanes of the strip.
DENSEHYBRID_INLINE void loss_pixels(const HybridLossJob& job, const LossPlan& p, const LossRows& rows, int64_t x,
                                    float w0, float w1, int64_t offset, int lanes, TermSums& sums) {
  const uint8_t* labels = job.labels + offset;
  const Ints label = load_labels(labels, lanes);
  const Ints negative = label == kNegativeLabel;
  const Ints known = (label >= 0) & (label < splat_int(job.classes));
  const bool jsd = job.jsd && (job.jsd_map != nullptr || any(negative));
  const float* upper_row = rows.upsampled[0] + x;
  const float* lower_row = rows.upsampled[1] + x;
  const bool gradients = job.grad_logits != nullptr;

  if (jsd || any(known | negative)) {
    Floats m = load(upper_row) * w0 + load(lower_row) * w1;
    store(rows.logits, m);
    for (int c = 1; c < job.classes; ++c) {
      const Floats s = load(upper_row + c * kStripPitch) * w0 + load(lower_row + c * kStripPitch) * w1;
      store(rows.logits + c * kLanes, s);
      m = max(s, m);
    }
    Floats total = splat(0.0f);
    for (int c = 0; c < job.classes; ++c) {
      const Floats e = exp_nonpositive(load(rows.logits + c * kLanes) - m);
      store(rows.exponentials + c * kLanes, e);
      total = total + e;
    }
    // ln P(y|x) = (s_y − m) − ln Σ: the difference first, for m may be large and rounds what is added to it.
    const Floats log_total = log(total);
    const Floats lse = m + log_total;  // ln p̂(x)

    Floats own = splat(0.0f);  // s_y
    for (int lane = 0; lane < lanes; ++lane) {
      if (known[lane] != 0) own[lane] = rows.logits[labels[lane] * kLanes + lane];
    }
    sums.cls = sums.cls + (known ? log_total - (own - m) : splat(0.0f));
    sums.x = sums.x + (negative ? lse : splat(0.0f));

    const Floats inverse = 1.0f / total;
    if (gradients) {
      // ∂ lse / ∂ s_y = P(y|x)
      const Floats weight = known ? splat(job.cls_weight) : (negative ? splat(job.x_weight) : splat(0.0f));
      const Floats scale0 = weight * inverse * w0;
      const Floats scale1 = weight * inverse * w1;
      for (int c = 0; c < job.classes; ++c) {
        const Floats e = load(rows.exponentials + c * kLanes);
        float* upper = rows.gradient[0] + c * kStripPitch + x;
        float* lower = rows.gradient[1] + c * kStripPitch + x;
        store(upper, e * scale0 + load(upper));
        store(lower, e * scale1 + load(lower));
      }
      const float own0 = job.cls_weight * w0;
      const float own1 = job.cls_weight * w1;
      for (int lane = 0; lane < lanes; ++lane) {
        if (known[lane] == 0) continue;
        rows.gradient[0][labels[lane] * kStripPitch + x + lane] -= own0;
        rows.gradient[1][labels[lane] * kStripPitch + x + lane] -= own1;
      }
    }
    if (jsd) jensen_shannon_pixels(job, rows, x, w0, w1, m, log_total, inverse, negative, offset, lanes, sums);
  }

  if (p.margin) {
    const Ints ignored = label == kIgnoreLabel;
    const Ints counted = known | negative | (job.ignore_is_inlier ? ignored : splat_int(0));
    if (!any(counted)) return;
    const int64_t channel = static_cast<int64_t>(job.classes) * kStripPitch;
    const Floats margin = load(upper_row + channel) * w0 + load(lower_row + channel) * w1;
    // −ln P(d_in|x) = softplus(margin), −ln P(d_out|x) = softplus(−margin)
    const auto posterior = softplus(negative ? -margin : margin);
    sums.d = sums.d + (counted ? posterior.value : splat(0.0f));
    if (gradients) {
      const Floats weight = counted ? (negative ? splat(-job.d_weight) : splat(job.d_weight)) : splat(0.0f);
      const Floats gradient = weight * posterior.derivative;
      float* upper = rows.gradient[0] + channel + x;
      float* lower = rows.gradient[1] + channel + x;
      store(upper, gradient * w0 + load(upper));
      store(lower, gradient * w1 + load(lower));
    }
  }
}

// Adds one gradient row of the strip, transposed, to low-resolution rows of each channel, and clears it.
void gather_columns(const HybridLossJob& job, const LossPlan& p, float* gradient, int64_t x0, int64_t count,
                    float* logits_row, int64_t logits_stride, float* margin_row) {
  const int32_t* i0 = job.column_axis.i0 + x0;
  const int32_t* i1 = job.column_axis.i1 + x0;
  const float* w0 = job.column_axis.w0 + x0;
  const float* w1 = job.column_axis.w1 + x0;
  for (int c = 0; c < p.channels; ++c) {
    float* row = c < job.classes ? logits_row + c * logits_stride : margin_row;
    float* values = gradient + c * kStripPitch;
    // Columns share their neighbours in runs: i0 rises by at most a few from one to the next.
    int64_t x = 0;
    while (x < count) {
      const int32_t left = i0[x];
      float to_left = 0.0f;
      float to_right = 0.0f;
      int32_t right = left;
      for (; x < count && i0[x] == left; ++x) {
        to_left += values[x] * w0[x];
        to_right += values[x] * w1[x];
        right = i1[x] > right ? i1[x] : right;
      }
      row[left] += to_left;
      row[right] += to_right;
    }
    for (int64_t i = 0; i < kStripPitch; i += kLanes) store(values + i, splat(0.0f));
  }
}

void loss_band(const HybridLossJob& job, int64_t first, int64_t last, float* carry, float* scratch) {
  const LossPlan p = plan(job);
  LossRows rows;
  rows.source = scratch;
  rows.upsampled[0] = rows.source + (p.channels + 2) * p.pitch;
  rows.upsampled[1] = rows.upsampled[0] + p.row;
  rows.gradient[0] = rows.upsampled[1] + p.row;
  rows.gradient[1] = rows.gradient[0] + p.row;
  rows.logits = rows.gradient[1] + p.row;
  rows.exponentials = rows.logits + static_cast<int64_t>(job.classes) * kLanes;

  const int32_t* row_i0 = job.row_axis.i0;
  const int32_t* row_i1 = job.row_axis.i1;
  const bool gradients = job.grad_logits != nullptr;
  // The target rows of the band: those whose upper source row is in it.
  int64_t top = 0;
  while (top < job.height && row_i0[top] < first) ++top;
  int64_t bottom = top;
  while (bottom < job.height && row_i0[bottom] < last) ++bottom;
  if (top == bottom) return;

  for (int64_t x0 = 0; x0 < job.width; x0 += kStrip) {
    const int64_t count = x0 + kStrip < job.width ? kStrip : job.width - x0;
    if (gradients) {
      for (float* gradient : rows.gradient) {
        for (int64_t i = 0; i < p.row; i += kLanes) store(gradient + i, splat(0.0f));
      }
    }
    // A finished gradient row goes to row r of the image, or to the carry behind the band.
    const auto gather = [&](float* gradient, int64_t r) {
      if (!gradients || r >= job.rows) return;
      float* logits_row = r < last ? job.grad_logits + r * job.columns : carry;
      const int64_t stride = r < last ? job.rows * job.columns : job.columns;
      float* margin_row = r < last ? (p.margin ? job.grad_margin + r * job.columns : nullptr)
                                   : carry + static_cast<int64_t>(job.classes) * job.columns;
      gather_columns(job, p, gradient, x0, count, logits_row, stride, margin_row);
    };
    int64_t r = -1;      // source row in upsampled[0], gradient[0]
    int64_t below = -1;  // source row in upsampled[1]
    bool finite = true;
    for (int64_t y = top; y < bottom; ++y) {
      if (row_i0[y] != r) {
        if (r >= 0) {
          gather(rows.gradient[0], r);
          if (row_i0[y] == r + 1) {
            float* swapped = rows.gradient[0];
            rows.gradient[0] = rows.gradient[1];
            rows.gradient[1] = swapped;
          } else {
            gather(rows.gradient[1], r + 1);
          }
        }
        r = row_i0[y];
        if (below == r) {
          float* swapped = rows.upsampled[0];
          rows.upsampled[0] = rows.upsampled[1];
          rows.upsampled[1] = swapped;
          below = -1;
        } else {
          finite = fill(job, p, r, x0, count, rows.source, rows.upsampled[0]) && finite;
        }
      }
      LossRows here = rows;
      if (row_i1[y] == r) here.upsampled[1] = rows.upsampled[0];
      else if (below != row_i1[y]) {
        below = row_i1[y];
        finite = fill(job, p, below, x0, count, rows.source, rows.upsampled[1]) && finite;
      }
      TermSums sums = {splat(0.0f), splat(0.0f), splat(0.0f), splat(0.0f)};
      for (int64_t x = 0; x < count; x += kLanes) {
        const int lanes = static_cast<int>(x + kLanes < count ? kLanes : count - x);
        loss_pixels(job, p, here, x, job.row_axis.w0[y], job.row_axis.w1[y], y * job.width + x0 + x,
                    lanes, sums);
      }
      job.cls[y] += static_cast<double>(sum(sums.cls));
      job.x[y] += static_cast<double>(sum(sums.x));
      job.d[y] += static_cast<double>(sum(sums.d));
      job.jsd_sum[y] += static_cast<double>(sum(sums.jsd));
    }
    gather(rows.gradient[0], r);
    gather(rows.gradient[1], r + 1);
    // A NaN or infinite logit must not end as a plausible loss: maxima and polynomials could lose it.
    if (!finite) job.cls[top] = __builtin_nan("");
  }
}

}  // namespace
}  // namespace densehybrid
