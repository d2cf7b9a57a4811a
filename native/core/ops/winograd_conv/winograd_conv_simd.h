// The Winograd convolution on the CPU: transforms in vectors of channels, and 36 small matrix products.
#pragma once

#include "ops/norm_relu/channel_map_simd.h"
#include "ops/winograd_conv/winograd_conv_cpu.h"

namespace densehybrid {
namespace {

namespace wg = winograd;

constexpr int kVectors = 2;                       // of output channels in registers
constexpr int kRows = kLanes == 16 ? 12 : 6;      // tiles in registers: kRows · kVectors sums
static_assert(wg::kTilesTogether % kRows == 0 && wg::kPanel % (kVectors * kLanes) == 0);
static_assert(wg::kLeastChannels >= kLanes);

constexpr float kA = wg::kA;
constexpr float kB = wg::kB;
constexpr float kA2 = 0.5f;  // kA²; kA · kB = 1
constexpr float kB2 = 2.0f;

// Bᵀ d for a column d of six values, in place.
DENSEHYBRID_INLINE void to_positions(Floats& d0, Floats& d1, Floats& d2, Floats& d3, Floats& d4, Floats& d5) {
  const Floats even_a = d4 - kB2 * d2;
  const Floats odd_a = kA * d3 - kB * d1;   // a (d3 − b² d1)
  const Floats even_b = d4 - kA2 * d2;
  const Floats odd_b = kB * d3 - kA * d1;   // b (d3 − a² d1)
  d0 = d0 + d4 - (kA2 + kB2) * d2;
  d5 = d5 + d1 - (kA2 + kB2) * d3;
  d1 = even_a + odd_a;
  d2 = even_a - odd_a;
  d3 = even_b + odd_b;
  d4 = even_b - odd_b;
}

// Aᵀ m for six values, the four outputs in m0 … m3.
DENSEHYBRID_INLINE void to_outputs(Floats& m0, Floats& m1, Floats& m2, Floats& m3, Floats m4, Floats m5) {
  const Floats sum_a = m1 + m2;
  const Floats difference_a = m1 - m2;
  const Floats sum_b = m3 + m4;
  const Floats difference_b = m3 - m4;
  m0 = m0 + sum_a + sum_b;
  m1 = kA * difference_a + kB * difference_b;
  m2 = kA2 * sum_a + kB2 * sum_b;
  m3 = (kA * kA2) * difference_a + (kB * kB2) * difference_b + m5;
}

// Where a tile lies.
struct TilePlace {
  int64_t image;
  int64_t y;  // of its first output
  int64_t x;
};

DENSEHYBRID_INLINE TilePlace place_of(const WinogradJob& job, int64_t tile) {
  const int64_t image = tile / (job.tile_rows * job.tile_columns);
  const int64_t in_image = tile - image * job.tile_rows * job.tile_columns;
  const int64_t row = in_image / job.tile_columns;
  return {image, row * wg::kTile, (in_image - row * job.tile_columns) * wg::kTile};
}

// The inputs of one tile, transformed, into values[position · pitch + channel].
template <typename T>
void transform_tile(const WinogradJob& job, int64_t tile, const T* zeros, float* values, int64_t pitch) {
  const TilePlace place = place_of(job, tile);
  const T* source = static_cast<const T*>(job.source);
  const T* pixels[wg::kPositions];
  for (int i = 0; i < wg::kPatch; ++i) {
    const int64_t y = place.y + i - 1;
    for (int j = 0; j < wg::kPatch; ++j) {
      const int64_t x = place.x + j - 1;
      const bool inside = y >= 0 && y < job.height && x >= 0 && x < job.width;
      pixels[i * wg::kPatch + j] =
          inside ? source + ((place.image * job.height + y) * job.width + x) * job.source_pitch : zeros;
    }
  }
  each_vector(job.in, [&](int64_t c) {
    Floats t[wg::kPatch][wg::kPatch];
    for (int j = 0; j < wg::kPatch; ++j) {
      for (int i = 0; i < wg::kPatch; ++i) t[i][j] = load(pixels[i * wg::kPatch + j] + c);
      to_positions(t[0][j], t[1][j], t[2][j], t[3][j], t[4][j], t[5][j]);
    }
    float* out = values + c;
    for (int i = 0; i < wg::kPatch; ++i) {
      to_positions(t[i][0], t[i][1], t[i][2], t[i][3], t[i][4], t[i][5]);
      for (int j = 0; j < wg::kPatch; ++j, out += pitch) store(out, t[i][j]);
    }
  });
}

// products[kRows][kVectors · kLanes] = values[kRows][in] · weight[in][kVectors · kLanes]
__attribute__((noinline)) void multiply(const float* values, int64_t in, const float* weight, float* products) {
  Floats sums[kRows][kVectors];
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) sums[r][v] = splat(0.0f);
  }
  for (int64_t c = 0; c < in; ++c) {
    Floats w[kVectors];
    for (int v = 0; v < kVectors; ++v) w[v] = load(weight + c * wg::kPanel + v * kLanes);
    for (int r = 0; r < kRows; ++r) {
      const Floats value = splat(values[r * in + c]);
      for (int v = 0; v < kVectors; ++v) sums[r][v] += value * w[v];
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int v = 0; v < kVectors; ++v) store(products + r * wg::kPanel + v * kLanes, sums[r][v]);
  }
}

// One tile of outputs from products[position · pitch + channel], for `channels` channels of the panel.
template <typename T>
void transform_back(const WinogradJob& job, int64_t tile, const float* products, int64_t pitch, int64_t first_channel,
                    int64_t channels) {
  const TilePlace place = place_of(job, tile);
  const int64_t rows = job.height - place.y < wg::kTile ? job.height - place.y : wg::kTile;
  const int64_t columns = job.width - place.x < wg::kTile ? job.width - place.x : wg::kTile;
  T* target = static_cast<T*>(job.target) +
              ((place.image * job.height + place.y) * job.width + place.x) * job.target_pitch + first_channel;
  for (int64_t c = 0; c < channels; c += kLanes) {
    Floats t[wg::kTile][wg::kPatch];
    for (int j = 0; j < wg::kPatch; ++j) {
      Floats m[wg::kPatch];
      for (int i = 0; i < wg::kPatch; ++i) m[i] = load(products + (i * wg::kPatch + j) * pitch + c);
      to_outputs(m[0], m[1], m[2], m[3], m[4], m[5]);
      for (int i = 0; i < wg::kTile; ++i) t[i][j] = m[i];
    }
    const int count = channels - c < kLanes ? static_cast<int>(channels - c) : kLanes;
    for (int64_t i = 0; i < rows; ++i) {
      to_outputs(t[i][0], t[i][1], t[i][2], t[i][3], t[i][4], t[i][5]);
      for (int64_t j = 0; j < columns; ++j) {
        const Floats y = job.after.scale == nullptr ? t[i][j] : mapped(job.after, t[i][j], first_channel + c);
        T* out = target + (i * job.width + j) * job.target_pitch + c;
        if (count == kLanes) store(out, y);
        else store_partial(out, y, count);
      }
    }
  }
}

template <typename T>
void convolve_tiles(const WinogradJob& job, int64_t first, int64_t last, float* scratch) {
  const int64_t tiles = last - first;
  const int64_t padded = (tiles + kRows - 1) / kRows * kRows;
  const int64_t value_pitch = padded * job.in + wg::kRowPadding;
  const int64_t product_pitch = padded * wg::kPanel + wg::kRowPadding;
  float* values = scratch;                                      // 36 × tiles × in
  float* products = values + wg::kPositions * value_pitch;      // 36 × tiles × 32
  float* zeros = products + wg::kPositions * product_pitch;     // in
  memset(zeros, 0, static_cast<size_t>(job.in) * sizeof(float));
  for (int64_t t = 0; t < tiles; ++t) {
    transform_tile(job, first + t, reinterpret_cast<const T*>(zeros), values + t * job.in, value_pitch);
  }
  for (int position = 0; position < wg::kPositions; ++position) {
    memset(values + position * value_pitch + tiles * job.in, 0,
           static_cast<size_t>((padded - tiles) * job.in) * sizeof(float));
  }
  const float* weight = job.weight;
  for (int64_t channel = 0; channel < job.out; channel += wg::kPanel) {
    for (int position = 0; position < wg::kPositions; ++position, weight += job.in * wg::kPanel) {
      for (int64_t t = 0; t < padded; t += kRows) {
        for (int part = 0; part < wg::kPanel; part += kVectors * kLanes) {
          multiply(values + position * value_pitch + t * job.in, job.in, weight + part,
                   products + position * product_pitch + t * wg::kPanel + part);
        }
      }
    }
    const int64_t channels = job.out - channel < wg::kPanel ? job.out - channel : wg::kPanel;
    for (int64_t t = 0; t < tiles; ++t) {
      transform_back<T>(job, first + t, products + t * wg::kPanel, product_pitch, channel, channels);
    }
  }
}

void winograd_tiles(const WinogradJob& job, int64_t first, int64_t last, float* scratch) {
  if (job.bf16) convolve_tiles<uint16_t>(job, first, last, scratch);
  else convolve_tiles<float>(job, first, last, scratch);
}

}  // namespace
}  // namespace densehybrid
