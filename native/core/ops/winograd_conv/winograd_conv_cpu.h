#pragma once

#include <cstdint>

#include "common/cpu_path.h"
#include "ops/norm_relu/norm_relu_cpu.h"

namespace densehybrid {

namespace winograd {

constexpr int kTile = 4;                  // outputs along a side
constexpr int kPatch = kTile + 2;         // inputs along a side
constexpr int kPositions = kPatch * kPatch;
constexpr int kPanel = 32;                // output channels that are computed together
constexpr int kRowPadding = 16;           // floats between positions: else all of them fall into the same cache sets
constexpr int kTilesTogether = 12;        // tiles come in multiples of this
constexpr int kLeastChannels = 24;        // on either side; more than a vector

// The interpolation points are 0, ±√½, ±√2 and ∞: their rounding errors are half of those of 0, ±1, ±2, ∞.
constexpr float kA = 0.707106781f;
constexpr float kB = 1.41421356f;

}  // namespace winograd

struct WinogradJob {
  bool bf16 = false;
  int64_t height = 0;
  int64_t width = 0;
  int64_t tile_rows = 0;     // of an image
  int64_t tile_columns = 0;
  int64_t in = 0;
  int64_t out = 0;
  const void* source = nullptr;
  int64_t source_pitch = 0;  // distance of two pixels in elements
  void* target = nullptr;
  int64_t target_pitch = 0;
  const float* weight = nullptr;  // ⌈out / 32⌉ × 36 × in × 32
  ChannelMapView after;           // of the outputs; none where its scale is null
};

// Floats of scratch for `tiles` tiles at once.
inline int64_t winograd_scratch(int64_t in, int64_t tiles) {
  return winograd::kPositions * (tiles * (in + winograd::kPanel) + 2 * winograd::kRowPadding) + in;
}

// Tiles [first, last) of all images, counted image by image and row by row.
using WinogradKernel = void (*)(const WinogradJob&, int64_t first, int64_t last, float* scratch);

WinogradKernel winograd_kernel(CpuPath path);

}  // namespace densehybrid
