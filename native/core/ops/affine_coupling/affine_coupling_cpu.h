#pragma once

#include <cstdint>

#include "common/cpu_path.h"

namespace densehybrid {

// Pixels as rows of float32 matrices; a pitch is the distance of two pixels in elements. The pointers to the halves of
// a map lie in the same matrix.
struct AffineCouplingJob {
  int64_t kept = 0;     // channels
  int64_t changed = 0;
  const float* parameters = nullptr;  // 2 · changed: channel 2j is the unconstrained scale, 2j + 1 the shift
  int64_t parameters_pitch = 0;
  const float* source_kept = nullptr;
  const float* source_changed = nullptr;
  int64_t source_pitch = 0;
  float* out_kept = nullptr;
  float* out_changed = nullptr;
  int64_t out_pitch = 0;
};

// Pixels [first, last); the sum of their log-scales.
struct AffineCouplingKernel {
  double (*couple)(const AffineCouplingJob&, int64_t first, int64_t last);    // shift + x · exp(s)
  double (*uncouple)(const AffineCouplingJob&, int64_t first, int64_t last);  // (x − shift) · exp(−s)
};

AffineCouplingKernel affine_coupling_kernel(CpuPath path);

}  // namespace densehybrid
