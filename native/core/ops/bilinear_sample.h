// The four neighbours of one target pixel in a batch at source resolution, for CUDA threads.
#pragma once

#include "ops/bf16.h"
#include "ops/bilinear_position.h"
#include "ops/plane_view.h"

namespace densehybrid {
namespace {

// T: float, or uint16_t for bf16.
template <typename T>
struct BilinearSample {
  const T* corners[4];  // above left, above right, below left, below right; channel 0
  int64_t channel;
  float left, right, above, below;  // weights

  // Columns first, then rows, like the CPU kernels.
  DENSEHYBRID_PIXEL float blend(float above_left, float above_right, float below_left, float below_right) const {
    return (above_left * left + above_right * right) * above + (below_left * left + below_right * right) * below;
  }

  // Channel c at the target pixel.
  DENSEHYBRID_PIXEL float at(int c) const {
    const int64_t offset = c * channel;
    return blend(widen(corners[0][offset]), widen(corners[1][offset]), widen(corners[2][offset]),
                 widen(corners[3][offset]));
  }

  // Channel a − channel b at the target pixel, subtracted before interpolation.
  DENSEHYBRID_PIXEL float difference(int a, int b) const {
    float d[4];
    for (int i = 0; i < 4; ++i) d[i] = widen(corners[i][a * channel]) - widen(corners[i][b * channel]);
    return blend(d[0], d[1], d[2], d[3]);
  }
};

template <typename T>
DENSEHYBRID_PIXEL BilinearSample<T> bilinear_sample(const BatchView<const void*>& view, int64_t n,
                                                    const BilinearPosition& row, const BilinearPosition& column) {
  const T* image = static_cast<const T*>(view.data) + n * view.image;
  const T* above = image + row.i0 * view.row;
  const T* below = image + row.i1 * view.row;
  const int64_t left = column.i0 * view.column;
  const int64_t right = column.i1 * view.column;
  return {{above + left, above + right, below + left, below + right}, view.channel, column.w0, column.w1, row.w0, row.w1};
}

// Channel a − channel b of a batch of either type.
DENSEHYBRID_PIXEL float bilinear_difference(const BatchView<const void*>& view, int64_t n, const BilinearPosition& row,
                                            const BilinearPosition& column, int a, int b) {
  return view.bf16 ? bilinear_sample<uint16_t>(view, n, row, column).difference(a, b)
                   : bilinear_sample<float>(view, n, row, column).difference(a, b);
}

}  // namespace
}  // namespace densehybrid
