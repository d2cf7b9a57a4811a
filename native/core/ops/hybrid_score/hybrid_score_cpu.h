#pragma once

#include <cstdint>

#include "common/cpu_path.h"
#include "ops/plane_view.h"

namespace densehybrid {

// One image of hybrid_score on the CPU, as raw memory. The rows may be computed in any division.
struct HybridScoreJob {
  PlaneView logits;  // K channels
  PlaneView ood;     // 2 channels
  int classes = 0;   // K
  int64_t height = 0;  // target size
  int64_t width = 0;
  AxisView rows;
  AxisView columns;
  // height×width each; labels always, a score where its pointer is not null
  uint8_t* labels = nullptr;
  float* hybrid = nullptr;
  float* discriminative = nullptr;
  float* generative = nullptr;
  float* max_softmax = nullptr;
  float* max_logit = nullptr;
  float* entropy = nullptr;
  bool open = false;  // label K where s_H > threshold
  float threshold = 0.0f;
};

struct HybridScoreKernel {
  // Floats of scratch memory for one caller of `rows`.
  int64_t (*scratch)(const HybridScoreJob&);
  // Target rows [first, last). Returns the number of pixels with a NaN or infinite logit: their scores are NaN, their
  // label is K.
  int64_t (*rows)(const HybridScoreJob&, int64_t first, int64_t last, float* scratch);
};

HybridScoreKernel hybrid_score_kernel(CpuPath path);

}  // namespace densehybrid
