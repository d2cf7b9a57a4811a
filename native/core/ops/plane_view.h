#pragma once

#include <cstdint>

namespace densehybrid {

// One image of an N×C×h×w tensor as raw memory, for kernels: element (c, y, x) at c · channel + y · row + x · column.
struct PlaneView {
  const void* data = nullptr;
  bool bf16 = false;  // else float32
  int64_t channel = 0;  // strides in elements
  int64_t row = 0;
  int64_t column = 0;
};

// A whole N×C×h×w tensor: image n starts at n · image. Pointer: const void*, or void* for a tensor that is written.
template <typename Pointer>
struct BatchView {
  Pointer data = nullptr;
  bool bf16 = false;  // else float32
  int64_t image = 0;  // strides in elements
  int64_t channel = 0;
  int64_t row = 0;
  int64_t column = 0;
};

// Raw pointers of a BilinearAxis: kernels use no standard library templates (simd/simd.h).
struct AxisView {
  const int32_t* i0 = nullptr;
  const int32_t* i1 = nullptr;
  const float* w0 = nullptr;
  const float* w1 = nullptr;
};

}  // namespace densehybrid
