#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/cancel.h"
#include "common/cpu_path.h"

namespace densehybrid {

struct HybridScoreOptions {
  int64_t height = 0;  // target size
  int64_t width = 0;
  bool align_corners = false;
  std::vector<std::string> scores = {};  // see score_names()
  std::optional<double> threshold = {};  // open-set labels when given
  std::optional<CpuPath> cpu_path = {};  // default_cpu_path() unless given
};

struct HybridScoreResult {
  at::Tensor labels;                         // uint8 N×H×W: argmax_y s_y, or K where s_H > threshold
  std::map<std::string, at::Tensor> scores;  // float32 N×H×W each; larger = more anomalous
  int64_t non_finite = 0;  // pixels with a NaN or infinite logit: scores NaN, label K
};

const std::vector<std::string>& score_names();

// Upsamples logits N×K×h×w and ood_logits N×2×h×w bilinearly to the target size, then per pixel (METHOD §1):
//   discriminative  s_D = ln P(d_out|x) = −softplus(g_0 − g_1)
//   generative      s_G = −ln p̂(x)     = −logsumexp_y s_y            (also the free-energy detector)
//   hybrid          s_H = s_D + s_G
//   maxSoftmax      −max_y P(y|x)       maxLogit  −max_y s_y       entropy  −Σ_y P(y|x) ln P(y|x)
HybridScoreResult hybrid_score(const at::Tensor& logits, const at::Tensor& ood_logits,
                               const HybridScoreOptions& options, const CancelToken& cancel = {});

}  // namespace densehybrid
