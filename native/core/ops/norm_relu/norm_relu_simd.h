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

template <bool kAdd, typename Source, typename Out>
DENSEHYBRID_INLINE Floats mapped_at(const ChannelMapView& map, const Source* x, const Out* addend, int64_t channel) {
  const Floats value = load(x + channel);
  return mapped(map, kAdd ? value + load(addend + channel) : value, channel);
}

template <typename Source, typename Out, bool kAdd>
void map_pixels(const NormReluJob& job, int64_t first, int64_t last) {
  const ChannelMapView map = job.map;
  const int64_t tail = job.channels - kLanes;
  for (int64_t pixel = first; pixel < last; ++pixel) {
    const Source* x = static_cast<const Source*>(job.source) + pixel * job.source_pitch;
    const Out* addend = kAdd ? static_cast<const Out*>(job.addend) + pixel * job.addend_pitch : nullptr;
    Out* out = static_cast<Out*>(job.out) + pixel * job.out_pitch;
    if (tail < 0) {
      const auto count = static_cast<size_t>(job.channels);
      Source padded[kLanes] = {};
      Out padded_addend[kLanes] = {};
      Out padded_out[kLanes];
      memcpy(padded, x, count * sizeof(Source));
      if (kAdd) memcpy(padded_addend, addend, count * sizeof(Out));
      store(padded_out, mapped_at<kAdd>(map, padded, padded_addend, 0));
      memcpy(out, padded_out, count * sizeof(Out));
      continue;
    }
    // The last vector may overlap the one before it: it is read before anything is written, for out may be x.
    const Floats end = mapped_at<kAdd>(map, x, addend, tail);
    for (int64_t c = 0; c < tail; c += kLanes) store(out + c, mapped_at<kAdd>(map, x, addend, c));
    store(out + tail, end);
  }
}

// Calls run(source, out) with a value of the element type of each.
template <typename Run>
DENSEHYBRID_INLINE void with_types(const NormReluJob& job, Run run) {
  if (job.source_bf16) job.out_bf16 ? run(uint16_t{}, uint16_t{}) : run(uint16_t{}, float{});
  else job.out_bf16 ? run(float{}, uint16_t{}) : run(float{}, float{});
}

void norm_relu_pixels(const NormReluJob& job, int64_t first, int64_t last) {
  with_types(job, [&](auto source, auto out) {
    using Source = decltype(source);
    using Out = decltype(out);
    if (job.addend != nullptr) map_pixels<Source, Out, true>(job, first, last);
    else map_pixels<Source, Out, false>(job, first, last);
  });
}

// Calls visit(channel) so that vectors from there cover all the channels; the last two may overlap.
template <typename Visit>
DENSEHYBRID_INLINE void each_vector(int64_t channels, Visit visit) {
  for (int64_t c = 0; c < channels; c += kLanes) visit(c + kLanes <= channels ? c : channels - kLanes);
}

template <typename Source, typename Out>
void max_pool_rows(const NormReluPoolJob& job, int64_t first, int64_t last) {
  const NormReluJob& pixels = job.pixels;
  const ChannelMapView map = pixels.map;
  const auto larger = [](Floats a, Floats b) { return a == a ? max(a, b) : a; };  // NaN stays NaN
  for (int64_t y = first; y < last; ++y) {
    for (int64_t x = 0; x < job.out_width; ++x) {
      const Source* above = static_cast<const Source*>(pixels.source) + (2 * y * job.width + 2 * x) * pixels.source_pitch;
      const Source* below = above + job.width * pixels.source_pitch;
      Out* out = static_cast<Out*>(pixels.out) + (y * job.out_width + x) * pixels.out_pitch;
      each_vector(pixels.channels, [&](int64_t c) {
        const Floats top = larger(mapped(map, load(above + c), c), mapped(map, load(above + pixels.source_pitch + c), c));
        const Floats low = larger(mapped(map, load(below + c), c), mapped(map, load(below + pixels.source_pitch + c), c));
        store(out + c, larger(top, low));
      });
    }
  }
}

template <typename Source, typename Out>
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
      Out* out = static_cast<Out*>(pixels.out) + (y * job.out_width + x) * pixels.out_pitch;
      each_vector(pixels.channels, [&](int64_t c) {
        Floats total = splat(0.0f);
        for (int64_t row = top; row <= bottom; ++row) {
          const Source* source = static_cast<const Source*>(pixels.source) + row * job.width * pixels.source_pitch + c;
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
  with_types(job.pixels, [&](auto source, auto out) { max_pool_rows<decltype(source), decltype(out)>(job, first, last); });
}

void norm_relu_average_pool_rows(const NormReluPoolJob& job, int64_t first, int64_t last) {
  with_types(job.pixels,
             [&](auto source, auto out) { average_pool_rows<decltype(source), decltype(out)>(job, first, last); });
}

}  // namespace
}  // namespace densehybrid
