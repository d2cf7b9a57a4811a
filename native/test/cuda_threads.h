// The CUDA kernels in plain loops on the host: the same thread functions, blocks and order of summation, and all of the
// host code but the launch. What a machine without a GPU can test of them.
#pragma once

#include <ATen/ATen.h>

#include <cmath>

#include "ops/hybrid_loss/hybrid_loss_grid.h"
#include "ops/hybrid_score/hybrid_score_grid.h"

namespace densehybrid::test {

template <typename T>
unsigned long long score_pixels(const HybridScoreGrid& grid) {
  unsigned long long broken = 0;
  for (int64_t n = 0; n < grid.images; ++n) {
    for (int64_t y = 0; y < grid.height; ++y) {
      for (int64_t x = 0; x < grid.width; ++x) {
        const bool bad = grid.classes <= kHeldClasses ? score_pixel<T, true>(grid, n, y, x) : score_pixel<T, false>(grid, n, y, x);
        broken += bad ? 1 : 0;
      }
    }
  }
  return broken;
}

inline HybridScoreResult score_by_threads(const at::Tensor& logits, const at::Tensor& ood_logits,
                                          const HybridScoreOptions& options) {
  HybridScoreResult result;
  const HybridScoreGrid grid = hybrid_score_grid(logits, ood_logits, options, result);
  result.non_finite = static_cast<int64_t>(grid.logits.bf16 ? score_pixels<uint16_t>(grid) : score_pixels<float>(grid));
  return result;
}

// One location of loss_kernel, its shares one after another.
template <typename T, int kGroup, bool kHeld>
void loss_location_by_shares(const HybridLossGrid& grid, int64_t index, int group) {
  const LossLocation at = loss_location(grid, index);
  LossShare<kGroup> shares[kLossShares];
  for (int share = 0; share < kLossShares; ++share) gather_loss<T, kGroup, kHeld>(grid, at, group, share, shares[share]);
  if (grid.grad_logits.data != nullptr) {
    for (int j = 0; j < kGroup && group * kGroup + j < grid.classes; ++j) {
      float total = 0.0f;
      for (const auto& share : shares) total += share.gradient[j];
      store_loss_gradient(grid, at, group * kGroup + j, total);
    }
    if (group == 0 && grid.grad_ood.data != nullptr) {
      float total = 0.0f;
      for (const auto& share : shares) total += share.margin;
      store_margin_gradient(grid, at, total);
    }
  }
  if (group != 0) return;
  for (int i = 0; i < kLossSums; ++i) {
    for (const auto& share : shares) grid.sums[index / kLossLocations * kLossSums + i] += share.sums[i];
  }
}

template <typename T>
void loss_locations(const HybridLossGrid& grid) {
  const int64_t locations = grid.images * grid.rows.inputs * grid.columns.inputs;
  const int groups = grid.grad_logits.data != nullptr ? (grid.classes + kLossGroup - 1) / kLossGroup : 1;
  for (int64_t index = 0; index < locations; ++index) {
    if (grid.classes <= kHeldLossClasses) {
      loss_location_by_shares<T, kHeldLossClasses, true>(grid, index, 0);
    } else {
      for (int group = 0; group < groups; ++group) loss_location_by_shares<T, kLossGroup, false>(grid, index, group);
    }
  }
}

inline FusedLossResult loss_by_threads(const FusedLossRequest& request) {
  LabelHistogram histogram{};
  for (int64_t i = 0; i < request.labels.numel(); ++i) ++histogram[request.labels.const_data_ptr<uint8_t>()[i]];
  const LossCounts counts = loss_counts(histogram, request.logits.size(1), request.ignore_is_inlier);
  FusedLossResult result;
  at::Tensor sums;
  const HybridLossGrid grid = hybrid_loss_grid(request, counts, result, sums);
  // Every element has one owner: what no thread writes shows as NaN.
  if (request.gradients) result.grad_logits.fill_(std::nan(""));
  if (result.grad_ood_logits.defined()) result.grad_ood_logits.fill_(std::nan(""));
  if (request.jsd) result.jsd_map.fill_(std::nan(""));
  if (grid.logits.bf16) loss_locations<uint16_t>(grid);
  else loss_locations<float>(grid);
  set_values(sums.sum(0).const_data_ptr<double>(), counts, result);
  return result;
}

}  // namespace densehybrid::test
