#pragma once

#include <cstdint>

#include "common/cpu_path.h"
#include "ops/plane_view.h"

namespace densehybrid {

constexpr uint8_t kNegativeLabel = 254;
constexpr uint8_t kIgnoreLabel = 255;

// One image of the fused loss on the CPU, as raw memory: values and gradients in one pass. The weights are final when
// the pass starts, so the gradient needs no second one.
struct HybridLossJob {
  PlaneView logits;  // K channels
  PlaneView ood;     // 2 channels; no data: L_d is not wanted
  int classes = 0;
  int64_t rows = 0;     // h, w of the logits
  int64_t columns = 0;
  int64_t height = 0;   // H, W of the labels
  int64_t width = 0;
  AxisView row_axis;
  AxisView column_axis;
  const uint8_t* labels = nullptr;  // H×W: class, kNegativeLabel or kIgnoreLabel
  // Gradient of the total with respect to one pixel's term: β / number of the term's pixels
  float cls_weight = 0.0f;
  float x_weight = 0.0f;
  float d_weight = 0.0f;
  float jsd_weight = 0.0f;
  bool jsd = false;               // the Jensen–Shannon term is wanted
  bool ignore_is_inlier = false;  // in L_d
  // Sums over the pixels of each target row, H each
  double* cls = nullptr;
  double* x = nullptr;
  double* d = nullptr;
  double* jsd_sum = nullptr;
  float* jsd_map = nullptr;  // H×W or null
  // Gradients, K×h×w and h×w (with respect to g_1 − g_0); null when they are not wanted
  float* grad_logits = nullptr;
  float* grad_margin = nullptr;
};

// Source rows of one task. It handles the target rows between them and the next: their gradient falls on the band's
// rows and on one more, which goes to `carry` ((K+1)×w, zero at first) and is added once all bands are done. The bands
// do not depend on the number of threads, so neither does a result.
constexpr int64_t kLossBand = 8;

struct HybridLossKernel {
  int64_t (*scratch)(const HybridLossJob&);  // floats
  void (*band)(const HybridLossJob&, int64_t first, int64_t last, float* carry, float* scratch);
};

HybridLossKernel hybrid_loss_kernel(CpuPath path);

}  // namespace densehybrid
