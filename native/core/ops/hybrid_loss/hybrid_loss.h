#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "common/cpu_path.h"

namespace densehybrid {

struct HybridLossOptions {
  double beta_x = 0.03;
  double beta_d = 0.3;
  int64_t ignore = 255;
  int64_t negative = 254;
  // The authors' release counts ignore pixels as d_in in L_d; leave them out whenever a held-out class hides there.
  bool ignore_is_inlier = true;
  // Subtract the detached mean of all logits from the value of L_x, as the authors' release reports it.
  bool mean_logit_shift = true;
  bool align_corners = false;
  std::optional<CpuPath> cpu_path = {};  // default_cpu_path() unless given
};

// Scalars. `total` carries the graph back to the logits.
struct HybridLossTerms {
  at::Tensor total;  // cls + beta_x · x + beta_d · d
  at::Tensor cls;    // L_cls: mean over labelled, unpasted pixels of −ln P(y|x)
  at::Tensor x;      // L_x: mean over negatives of ln p̂(x)
  at::Tensor d;      // L_d: mean over counted pixels of −ln P(d|x)
};

// METHOD §2 on logits N×K×h×w and ood_logits N×2×h×w, upsampled to the size of labels N×H×W (integer). A term with no
// contributing pixel is 0 with zero gradient. Float32 and bf16 logits go through one fused pass that sums in float32 and
// gives the same bits for any number of threads, on the CPU and on CUDA; other logits through plain operations in their
// own dtype.
HybridLossTerms hybrid_loss(const at::Tensor& logits, const at::Tensor& ood_logits, const at::Tensor& labels,
                            const HybridLossOptions& options);

// L_cls alone: the objective of closed-set training.
at::Tensor closed_set_loss(const at::Tensor& logits, const at::Tensor& labels, const HybridLossOptions& options);

}  // namespace densehybrid
