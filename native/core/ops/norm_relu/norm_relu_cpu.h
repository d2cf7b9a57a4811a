#pragma once

#include <cstdint>

#include "common/cpu_path.h"

namespace densehybrid {

// min(max(x · scale + shift, low), high) with `scale` and `shift` of each channel. Both are padded to
// a multiple of kPaddedChannels floats, so that whole vectors may be read.
struct ChannelMapView {
  const float* scale = nullptr;
  const float* shift = nullptr;
  float low = 0.0f;
  float high = 0.0f;
};

constexpr int64_t kPaddedChannels = 16;

// What is added to the source before the map, in the dtype of the output: nothing, or a map of height×width that is
// resized (bilinear, align_corners = false) to out_height×out_width on the way. That needs kPaddedChannels channels
// unless the sizes are the same.
struct NormReluAddend {
  const void* data = nullptr;
  int64_t pitch = 0;
  int64_t height = 0;
  int64_t width = 0;
  int64_t out_height = 0;
  int64_t out_width = 0;

  bool resized() const { return height != out_height || width != out_width; }
};

// Pixels as rows of a matrix, float32 or bf16; a pitch is the distance of two pixels in elements.
struct NormReluJob {
  bool source_bf16 = false;
  bool out_bf16 = false;
  int64_t channels = 0;
  ChannelMapView map;
  const void* source = nullptr;
  int64_t source_pitch = 0;
  NormReluAddend addend;
  void* out = nullptr;  // may be the source
  int64_t out_pitch = 0;
  int64_t origin = 0;  // the pixel that `source` and `out` begin with; the addend begins with pixel 0
};

// One image height×width; `out` has the rows and columns of the pooled image.
struct NormReluPoolJob {
  NormReluJob pixels;  // at least kPaddedChannels channels
  int64_t height = 0;
  int64_t width = 0;
  int64_t out_width = 0;
};

struct NormReluKernel {
  void (*pixels)(const NormReluJob&, int64_t first, int64_t last);             // pixels [first, last)
  void (*max_pool)(const NormReluPoolJob&, int64_t first, int64_t last);       // output rows [first, last)
  void (*average_pool)(const NormReluPoolJob&, int64_t first, int64_t last);   // output rows [first, last)
};

NormReluKernel norm_relu_kernel(CpuPath path);

}  // namespace densehybrid
