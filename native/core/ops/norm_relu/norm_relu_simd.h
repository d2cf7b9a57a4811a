// norm_relu on the CPU: vectors of channels, one pixel after another.
#pragma once

#include "ops/norm_relu/norm_relu_cpu.h"
#include "simd/simd.h"

namespace densehybrid {
namespace {

static_assert(kPaddedChannels >= kLanes);

// NaN stays NaN.
DENSEHYBRID_INLINE Floats mapped(const ChannelMapView& map, Floats x, int64_t channel) {
  const Floats y = x * load(map.scale + channel) + load(map.shift + channel);
  return min(splat(map.high), max(splat(map.low), y));
}

template <typename T, bool kAdd>
DENSEHYBRID_INLINE Floats mapped_at(const ChannelMapView& map, const T* x, const T* addend, int64_t channel) {
  const Floats value = load(x + channel);
  return mapped(map, kAdd ? value + load(addend + channel) : value, channel);
}

template <typename T, bool kAdd>
void map_pixels(const NormReluJob& job, int64_t first, int64_t last) {
  const ChannelMapView map = job.map;
  const int64_t tail = job.channels - kLanes;
  for (int64_t pixel = first; pixel < last; ++pixel) {
    const T* x = static_cast<const T*>(job.source) + pixel * job.source_pitch;
    const T* addend = kAdd ? static_cast<const T*>(job.addend) + pixel * job.addend_pitch : nullptr;
    T* out = static_cast<T*>(job.out) + pixel * job.out_pitch;
    if (tail < 0) {
      const size_t bytes = static_cast<size_t>(job.channels) * sizeof(T);
      T padded[kLanes] = {};
      T padded_addend[kLanes] = {};
      memcpy(padded, x, bytes);
      if (kAdd) memcpy(padded_addend, addend, bytes);
      store(padded, mapped_at<T, kAdd>(map, padded, padded_addend, 0));
      memcpy(out, padded, bytes);
      continue;
    }
    // The last vector may overlap the one before it: it is read before anything is written, for out may be x.
    const Floats end = mapped_at<T, kAdd>(map, x, addend, tail);
    for (int64_t c = 0; c < tail; c += kLanes) store(out + c, mapped_at<T, kAdd>(map, x, addend, c));
    store(out + tail, end);
  }
}

void norm_relu_pixels(const NormReluJob& job, int64_t first, int64_t last) {
  const bool add = job.addend != nullptr;
  if (job.bf16) add ? map_pixels<uint16_t, true>(job, first, last) : map_pixels<uint16_t, false>(job, first, last);
  else add ? map_pixels<float, true>(job, first, last) : map_pixels<float, false>(job, first, last);
}

// Calls visit(channel) so that vectors from there cover all the channels; the last two may overlap.
template <typename Visit>
DENSEHYBRID_INLINE void each_vector(int64_t channels, Visit visit) {
  for (int64_t c = 0; c < channels; c += kLanes) visit(c + kLanes <= channels ? c : channels - kLanes);
}

template <typename T>
void max_pool_rows(const NormReluPoolJob& job, int64_t first, int64_t last) {
  const NormReluJob& pixels = job.pixels;
  const ChannelMapView map = pixels.map;
  const auto larger = [](Floats a, Floats b) { return a == a ? max(a, b) : a; };  // NaN stays NaN
  for (int64_t y = first; y < last; ++y) {
    for (int64_t x = 0; x < job.out_width; ++x) {
      const T* above = static_cast<const T*>(pixels.source) + (2 * y * job.width + 2 * x) * pixels.source_pitch;
      const T* below = above + job.width * pixels.source_pitch;
      T* out = static_cast<T*>(pixels.out) + (y * job.out_width + x) * pixels.out_pitch;
      each_vector(pixels.channels, [&](int64_t c) {
        const Floats top = larger(mapped(map, load(above + c), c), mapped(map, load(above + pixels.source_pitch + c), c));
        const Floats low = larger(mapped(map, load(below + c), c), mapped(map, load(below + pixels.source_pitch + c), c));
        store(out + c, larger(top, low));
      });
    }
  }
}

template <typename T>
void average_pool_rows(const NormReluPoolJob& job, int64_t first, int64_t last) {
  const NormReluJob& pixels = job.pixels;
  const ChannelMapView map = pixels.map;
  for (int64_t y = first; y < last; ++y) {
    const int64_t top = 2 * y > 0 ? 2 * y - 1 : 0;
    const int64_t bottom = 2 * y + 1 < job.height ? 2 * y + 1 : job.height - 1;
    for (int64_t x = 0; x < job.out_width; ++x) {
      const int64_t left = 2 * x > 0 ? 2 * x - 1 : 0;
      const int64_t right = 2 * x + 1 < job.width ? 2 * x + 1 : job.width - 1;
      const float weight = 1.0f / static_cast<float>((bottom - top + 1) * (right - left + 1));
      T* out = static_cast<T*>(pixels.out) + (y * job.out_width + x) * pixels.out_pitch;
      each_vector(pixels.channels, [&](int64_t c) {
        Floats total = splat(0.0f);
        for (int64_t row = top; row <= bottom; ++row) {
          const T* source = static_cast<const T*>(pixels.source) + row * job.width * pixels.source_pitch + c;
          for (int64_t column = left; column <= right; ++column) {
            total = total + mapped(map, load(source + column * pixels.source_pitch), c);
          }
        }
        store(out + c, total * weight);
      });
    }
  }
}

void norm_relu_max_pool_rows(const NormReluPoolJob& job, int64_t first, int64_t last) {
  job.pixels.bf16 ? max_pool_rows<uint16_t>(job, first, last) : max_pool_rows<float>(job, first, last);
}

void norm_relu_average_pool_rows(const NormReluPoolJob& job, int64_t first, int64_t last) {
  job.pixels.bf16 ? average_pool_rows<uint16_t>(job, first, last) : average_pool_rows<float>(job, first, last);
}

}  // namespace
}  // namespace densehybrid
