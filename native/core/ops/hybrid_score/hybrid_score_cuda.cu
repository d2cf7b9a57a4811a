// hybrid_score on CUDA: one thread a target pixel. A warp is 32 neighbours of a row, so that it writes whole sectors, and
// a block 8 rows of them, so that it reads each source pixel about once into its first-level cache.
#include "ops/hybrid_score/hybrid_score_cuda.h"

namespace densehybrid {
namespace {

constexpr int kTileWidth = 32;
constexpr int kTileHeight = 8;

// The counts of a grid in y and z end at 65535; taller targets and larger batches go round.
constexpr int64_t kMostBlocks = 65535;

template <typename T, bool kHeld>
__global__ void __launch_bounds__(kTileWidth* kTileHeight) score_kernel(const HybridScoreGrid grid) {
  const int64_t x = static_cast<int64_t>(blockIdx.x) * kTileWidth + threadIdx.x;
  unsigned long long broken = 0;
  for (int64_t n = blockIdx.z; n < grid.images; n += gridDim.z) {
    for (int64_t top = static_cast<int64_t>(blockIdx.y) * kTileHeight; top < grid.height;
         top += static_cast<int64_t>(gridDim.y) * kTileHeight) {
      const int64_t y = top + threadIdx.y;
      const bool inside = x < grid.width && y < grid.height;
      const bool bad = inside && score_pixel<T, kHeld>(grid, n, y, x);
      broken += static_cast<unsigned long long>(__syncthreads_count(bad ? 1 : 0));
    }
  }
  if (broken > 0 && threadIdx.x == 0 && threadIdx.y == 0) atomicAdd(grid.non_finite, broken);
}

template <typename T>
void launch(const HybridScoreGrid& grid, dim3 blocks, cudaStream_t stream) {
  const dim3 threads(kTileWidth, kTileHeight);
  if (grid.classes <= kHeldClasses) score_kernel<T, true><<<blocks, threads, 0, stream>>>(grid);
  else score_kernel<T, false><<<blocks, threads, 0, stream>>>(grid);
}

unsigned int at_most(int64_t blocks) { return static_cast<unsigned int>(blocks < kMostBlocks ? blocks : kMostBlocks); }

}  // namespace

void launch_hybrid_score(const HybridScoreGrid& grid, cudaStream_t stream) {
  const dim3 blocks(static_cast<unsigned int>((grid.width + kTileWidth - 1) / kTileWidth),
                    at_most((grid.height + kTileHeight - 1) / kTileHeight), at_most(grid.images));
  if (grid.logits.bf16) launch<uint16_t>(grid, blocks, stream);
  else launch<float>(grid, blocks, stream);
}

}  // namespace densehybrid
