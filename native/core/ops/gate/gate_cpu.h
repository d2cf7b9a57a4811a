#pragma once

#include <cstdint>

#include "common/cpu_path.h"

namespace densehybrid {

// Pixels as rows of float32 matrices; a pitch is the distance of two pixels in elements.
struct GateJob {
  int64_t channels = 0;
  const float* parts = nullptr;     // a, b, c of every pixel, `channels` each
  int64_t parts_pitch = 0;
  const float* bias = nullptr;      // of the parts
  const float* residual = nullptr;  // or null
  int64_t residual_pitch = 0;
  float* out = nullptr;
  int64_t out_pitch = 0;
};

using GateKernel = void (*)(const GateJob&, int64_t first, int64_t last);  // pixels [first, last)

GateKernel gate_kernel(CpuPath path);

}  // namespace densehybrid
