// The fused loss on CUDA. A block is 32 consecutive source locations × kLossShares threads that share the target rows
// around each; blocks in y are groups of classes where K is large.
#include "ops/hybrid_loss/hybrid_loss_cuda.h"

namespace densehybrid {
namespace {

constexpr int kThreads = kLossLocations * kLossShares;

template <typename T, int kGroup, bool kHeld>
__global__ void __launch_bounds__(kThreads) loss_kernel(const HybridLossGrid grid) {
  __shared__ float gradients[kLossShares][kGroup + 1][kLossLocations];  // the margin's behind the classes'
  __shared__ double sums[kLossSums][kThreads];
  const int lane = static_cast<int>(threadIdx.x);
  const int share = static_cast<int>(threadIdx.y);
  const int group = static_cast<int>(blockIdx.y);
  const int64_t index = static_cast<int64_t>(blockIdx.x) * kLossLocations + lane;
  const bool inside = index < grid.images * grid.rows.inputs * grid.columns.inputs;
  const LossLocation at = loss_location(grid, inside ? index : 0);
  const int thread = share * kLossLocations + lane;

  LossShare<kGroup> mine;
  if (inside) {
    gather_loss<T, kGroup, kHeld>(grid, at, group, share, mine);
#pragma unroll
    for (int j = 0; j < kGroup; ++j) gradients[share][j][lane] = mine.gradient[j];
    gradients[share][kGroup][lane] = mine.margin;
  }
  for (int i = 0; i < kLossSums; ++i) sums[i][thread] = inside ? mine.sums[i] : 0.0;
  __syncthreads();

  // Shares are summed in their order, classes of a location by turns.
  if (inside && grid.grad_logits.data != nullptr) {
    for (int j = share; j <= kGroup; j += kLossShares) {
      float total = 0.0f;
      for (int s = 0; s < kLossShares; ++s) total += gradients[s][j][lane];
      const int c = group * kGroup + j;
      if (j < kGroup && c < grid.classes) store_loss_gradient(grid, at, c, total);
      if (j == kGroup && group == 0 && grid.grad_ood.data != nullptr) store_margin_gradient(grid, at, total);
    }
  }
  if (group != 0) return;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (thread < half) {
      for (int i = 0; i < kLossSums; ++i) sums[i][thread] += sums[i][thread + half];
    }
    __syncthreads();
  }
  if (thread < kLossSums) grid.sums[static_cast<int64_t>(blockIdx.x) * kLossSums + thread] = sums[thread][0];
}

template <typename T>
void launch(const HybridLossGrid& grid, cudaStream_t stream) {
  const dim3 threads(kLossLocations, kLossShares);
  const int64_t locations = grid.images * grid.rows.inputs * grid.columns.inputs;
  const auto blocks = static_cast<unsigned int>(hybrid_loss_blocks(locations));
  if (grid.classes <= kHeldLossClasses) {
    loss_kernel<T, kHeldLossClasses, true><<<blocks, threads, 0, stream>>>(grid);
    return;
  }
  const auto groups = static_cast<unsigned int>((grid.classes + kLossGroup - 1) / kLossGroup);
  const dim3 shape(blocks, grid.grad_logits.data != nullptr ? groups : 1);
  loss_kernel<T, kLossGroup, false><<<shape, threads, 0, stream>>>(grid);
}

constexpr int kHistogramThreads = 256;
constexpr int64_t kRun = 32;  // labels of one thread and step

// Integer sums do not depend on their order. Labels come in runs, which a thread counts before it adds.
__global__ void __launch_bounds__(kHistogramThreads)
    histogram_kernel(const uint8_t* labels, int64_t count, unsigned long long* histogram) {
  __shared__ unsigned int bins[256];
  bins[threadIdx.x] = 0;
  __syncthreads();
  const int64_t thread = static_cast<int64_t>(blockIdx.x) * kHistogramThreads + threadIdx.x;
  const int64_t step = static_cast<int64_t>(gridDim.x) * kHistogramThreads * kRun;
  for (int64_t first = thread * kRun; first < count; first += step) {
    const int64_t last = first + kRun < count ? first + kRun : count;
    unsigned int length = 0;
    for (int64_t i = first; i < last; ++i) {
      ++length;
      if (i + 1 < last && labels[i + 1] == labels[i]) continue;
      atomicAdd(&bins[labels[i]], length);
      length = 0;
    }
  }
  __syncthreads();
  if (bins[threadIdx.x] > 0) {
    atomicAdd(&histogram[threadIdx.x], static_cast<unsigned long long>(bins[threadIdx.x]));
  }
}

}  // namespace

void launch_hybrid_loss(const HybridLossGrid& grid, cudaStream_t stream) {
  if (grid.logits.bf16) launch<uint16_t>(grid, stream);
  else launch<float>(grid, stream);
}

void launch_label_histogram(const uint8_t* labels, int64_t count, unsigned long long* histogram, cudaStream_t stream) {
  const int64_t needed = (count + kHistogramThreads * kRun - 1) / (kHistogramThreads * kRun);
  const auto blocks = static_cast<unsigned int>(needed < 1024 ? needed : 1024);
  histogram_kernel<<<blocks, kHistogramThreads, 0, stream>>>(labels, count, histogram);
}

}  // namespace densehybrid
