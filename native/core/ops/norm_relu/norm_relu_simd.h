// norm_relu on the CPU: vectors of channels, one pixel after another.
#pragma once

#include "ops/bilinear_position.h"
#include "ops/norm_relu/channel_map_simd.h"
#include "ops/norm_relu/norm_relu_cpu.h"

namespace densehybrid {
namespace {

// Addends: `at` moves to a pixel, then channels are read in vectors, or fewer than one vector of them.
struct NoAddend {
  explicit NoAddend(const NormReluAddend&) {}
  DENSEHYBRID_INLINE void at(int64_t) {}
  DENSEHYBRID_INLINE Floats plus(Floats x, int64_t) const { return x; }
  DENSEHYBRID_INLINE Floats plus_few(Floats x, int) const { return x; }
};

template <typename T>
struct MapAddend {
  explicit MapAddend(const NormReluAddend& map) : data(static_cast<const T*>(map.data)), pitch(map.pitch) {}
  DENSEHYBRID_INLINE void at(int64_t pixel) { row = data + pixel * pitch; }
  DENSEHYBRID_INLINE Floats plus(Floats x, int64_t channel) const { return x + load(row + channel); }
  DENSEHYBRID_INLINE Floats plus_few(Floats x, int count) const { return x + load_partial(row, count); }
  const T* data;
  int64_t pitch;
  const T* row = nullptr;
};

template <typename T>
struct ResizedAddend {
  explicit ResizedAddend(const NormReluAddend& map_)
      : map(map_), rows(bilinear_scale(map.height, map.out_height, false)),
        columns(bilinear_scale(map.width, map.out_width, false)) {}
  DENSEHYBRID_INLINE void at(int64_t pixel) {
    const int64_t image = pixel / (map.out_height * map.out_width);
    const int64_t in_image = pixel - image * map.out_height * map.out_width;
    const int64_t row = in_image / map.out_width;
    const BilinearPosition y = bilinear_position(rows, row);
    const BilinearPosition x = bilinear_position(columns, in_image - row * map.out_width);
    const T* data = static_cast<const T*>(map.data) + image * map.height * map.width * map.pitch;
    const auto corner = [&](int64_t i, int64_t j) { return data + (i * map.width + j) * map.pitch; };
    corners[0] = corner(y.i0, x.i0);
    corners[1] = corner(y.i0, x.i1);
    corners[2] = corner(y.i1, x.i0);
    corners[3] = corner(y.i1, x.i1);
    left = splat(x.w0);
    right = splat(x.w1);
    above = splat(y.w0);
    below = splat(y.w1);
  }
  DENSEHYBRID_INLINE Floats plus(Floats x, int64_t channel) const {
    const Floats upper = left * load(corners[0] + channel) + right * load(corners[1] + channel);
    const Floats lower = left * load(corners[2] + channel) + right * load(corners[3] + channel);
    return x + (above * upper + below * lower);
  }
  DENSEHYBRID_INLINE Floats plus_few(Floats x, int) const { return x; }  // never: see NormReluAddend
  NormReluAddend map;
  BilinearScale rows;
  BilinearScale columns;
  const T* corners[4] = {};
  Floats left, right, above, below;
};

template <typename Source, typename Out, typename Addend>
void map_pixels(const NormReluJob& job, int64_t first, int64_t last) {
  const ChannelMapView map = job.map;
  const int64_t tail = job.channels - kLanes;
  Addend addend(job.addend);
  for (int64_t pixel = first; pixel < last; ++pixel) {
    const Source* x = static_cast<const Source*>(job.source) + (pixel - job.origin) * job.source_pitch;
    Out* out = static_cast<Out*>(job.out) + (pixel - job.origin) * job.out_pitch;
    addend.at(pixel);
    if (tail < 0) {
      const int count = static_cast<int>(job.channels);
      store_partial(out, mapped(map, addend.plus_few(load_partial(x, count), count), 0), count);
      continue;
    }
    // The last vector may overlap the one before it: it is read before anything is written, for out may be x.
    const Floats end = mapped(map, addend.plus(load(x + tail), tail), tail);
    for (int64_t c = 0; c < tail; c += kLanes) store(out + c, mapped(map, addend.plus(load(x + c), c), c));
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
    if (job.addend.data == nullptr) map_pixels<Source, Out, NoAddend>(job, first, last);
    else if (job.addend.resized()) map_pixels<Source, Out, ResizedAddend<Out>>(job, first, last);
    else map_pixels<Source, Out, MapAddend<Out>>(job, first, last);
  });
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
