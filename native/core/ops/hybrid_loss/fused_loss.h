#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <optional>

#include "common/cpu_path.h"

namespace densehybrid {

// The terms of the training objectives and their gradients in one pass over float32 or bf16 logits, on the CPU or, where a
// kernel exists (has_kernel), on CUDA. No graph: hybrid_loss and jensen_shannon put it behind autograd.
struct FusedLossRequest {
  at::Tensor logits;      // N×K×h×w
  at::Tensor ood_logits;  // N×2×h×w, or undefined: no L_d
  at::Tensor labels;      // uint8 N×H×W, contiguous, on the logits' device: class, kNegativeLabel or kIgnoreLabel (hybrid_loss_cpu.h)
  double beta_cls = 1.0;
  double beta_x = 0.0;
  double beta_d = 0.0;
  double beta_jsd = 0.0;
  bool jsd = false;  // the Jensen–Shannon term over the negatives, with its map
  bool ignore_is_inlier = true;
  bool align_corners = false;
  bool gradients = false;
  std::optional<CpuPath> cpu_path = {};
};

struct FusedLossResult {
  // Means over the pixels of each term, 0 without pixels
  double cls = 0.0;
  double x = 0.0;
  double d = 0.0;
  double jsd = 0.0;
  int64_t negatives = 0;
  at::Tensor jsd_map;  // float32 N×H×W
  // Of beta_cls · cls + beta_x · x + beta_d · d + beta_jsd · jsd, in the inputs' dtype and memory format
  at::Tensor grad_logits;
  at::Tensor grad_ood_logits;
};

// Throws Error INVALID_ARGUMENT for a label outside the classes.
FusedLossResult fused_loss(const FusedLossRequest& request);

// Labels of any integer type with any codes for negative and ignore → uint8 with the codes of hybrid_loss_cpu.h.
at::Tensor canonical_labels(const at::Tensor& labels, int64_t classes, int64_t negative, int64_t ignore);

// A scalar of value `total`, on the logits' device, whose gradient with respect to each input is the gradient given for it.
at::Tensor with_gradients(double total, const at::Tensor& logits, const at::Tensor& grad_logits,
                          const at::Tensor& ood_logits = {}, const at::Tensor& grad_ood_logits = {});

}  // namespace densehybrid
