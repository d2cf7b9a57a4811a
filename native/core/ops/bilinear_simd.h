// Horizontal half of bilinear upsampling for kernels: source rows of all channels, over a strip of output columns that
// keeps the working set in the first-level cache. See simd/simd.h for how kernels are built.
#pragma once

#include "ops/bf16.h"
#include "ops/plane_view.h"
#include "simd/simd.h"

namespace densehybrid {
namespace {

constexpr int64_t kStrip = 128;  // output columns
// Between the channels of a strip: an odd number of cache lines, so that they do not compete for the same sets.
constexpr int64_t kStripPitch = kStrip + 16;

// Columns [first, first + count) of one row of `channels` channels → out[channel · pitch + column].
template <typename T>
void load_row(const PlaneView& view, int channels, int64_t row, int64_t first, int64_t count, float* out, int64_t pitch) {
  const T* source = static_cast<const T*>(view.data) + row * view.row + first * view.column;
  if (view.column == 1) {
    for (int c = 0; c < channels; ++c) {
      for (int64_t x = 0; x < count; ++x) out[c * pitch + x] = widen(source[c * view.channel + x]);
    }
    return;
  }
  for (int64_t x = 0; x < count; ++x) {
    for (int c = 0; c < channels; ++c) out[c * pitch + x] = widen(source[x * view.column + c * view.channel]);
  }
}

inline void load_row(const PlaneView& view, int channels, int64_t row, int64_t first, int64_t count, float* out,
                     int64_t pitch) {
  if (view.bf16) load_row<uint16_t>(view, channels, row, first, count, out, pitch);
  else load_row<float>(view, channels, row, first, count, out, pitch);
}

// The most source columns that lie under a strip.
inline int64_t widest_span(const AxisView& columns, int64_t width) {
  int64_t widest = 0;
  for (int64_t x = 0; x < width; x += kStrip) {
    const int64_t end = x + kStrip < width ? x + kStrip : width;
    const int64_t span = columns.i1[end - 1] - columns.i0[x] + 1;
    widest = span > widest ? span : widest;
  }
  return widest;
}

// Are all `count` values finite?
inline bool all_finite(const float* values, int64_t count) {
  Floats zero = splat(0.0f);  // becomes NaN at the first infinity or NaN
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) zero = load(values + i) * 0.0f + zero;
  float rest = 0.0f;
  for (; i < count; ++i) rest = values[i] * 0.0f + rest;
  return sum(zero) + rest == 0.0f;
}

// One loaded row of one channel, whose first value is source column `first` → output columns [x0, x0 + count).
// Reads up to kLanes values behind the row; writes whole vectors.
inline void interpolate_columns(const float* source, int64_t first, const AxisView& columns, int64_t x0, int64_t count,
                                float* out) {
  for (int64_t x = 0; x < count; x += kLanes) {
    const int32_t* i0 = columns.i0 + x0 + x;
    const int32_t* i1 = columns.i1 + x0 + x;
    const int32_t base = i0[0];
    Floats a;
    Floats b;
    if (i1[kLanes - 1] - base < kLanes) {
      const Floats table = load(source + (base - first));
      a = permute(table, load(i0) - base);
      b = permute(table, load(i1) - base);
    } else {
      for (int lane = 0; lane < kLanes; ++lane) {
        a[lane] = source[i0[lane] - first];
        b[lane] = source[i1[lane] - first];
      }
    }
    store(out + x, a * load(columns.w0 + x0 + x) + b * load(columns.w1 + x0 + x));
  }
}

}  // namespace
}  // namespace densehybrid
