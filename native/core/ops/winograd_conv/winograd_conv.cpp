#include "ops/winograd_conv/winograd_conv.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <array>

#include "ops/tensor_view.h"
#include "ops/winograd_conv/winograd_conv_cpu.h"

namespace densehybrid {

extern const WinogradKernel kWinograd_portable;
extern const WinogradKernel kWinograd_avx2;
extern const WinogradKernel kWinograd_avx512;

WinogradKernel winograd_kernel(CpuPath path) {
  switch (path) {
    case CpuPath::avx512: return kWinograd_avx512;
    case CpuPath::avx2: return kWinograd_avx2;
    default: return kWinograd_portable;
  }
}

namespace {

namespace wg = winograd;

constexpr int64_t kScratchBytes = 1 << 20;  // of one thread: half of a second-level cache

int64_t panels(int64_t out) { return (out + wg::kPanel - 1) / wg::kPanel; }

// G of the points 0, ±a, ±b, ∞: a row (1, p, p²) / Π_{q ≠ p} (p − q) for a point p, and (0, 0, 1) for ∞.
std::array<std::array<double, 3>, wg::kPatch> filter_transform() {
  const double a = wg::kA;
  const double b = wg::kB;
  const std::array<double, 5> points = {0, a, -a, b, -b};
  std::array<std::array<double, 3>, wg::kPatch> g = {};
  for (size_t i = 0; i < points.size(); ++i) {
    double product = 1.0;
    for (size_t j = 0; j < points.size(); ++j) product *= i == j ? 1.0 : points[i] - points[j];
    g[i] = {1 / product, points[i] / product, points[i] * points[i] / product};
  }
  g.back() = {0, 0, 1};
  return g;
}

}  // namespace

bool winograd_fits(int64_t in, int64_t out) {
  return in >= wg::kLeastChannels && out >= wg::kLeastChannels;
}

at::Tensor winograd_weight(const at::Tensor& weight) {
  const int64_t out = weight.size(0);
  const int64_t in = weight.size(1);
  const at::Tensor filters = weight.to(at::kFloat).contiguous();
  const float* filter = filters.const_data_ptr<float>();
  const at::Tensor packed = at::zeros({panels(out), wg::kPositions, in, wg::kPanel}, filters.options());
  float* values = packed.mutable_data_ptr<float>();
  static const auto g = filter_transform();
  for (int64_t o = 0; o < out; ++o) {
    for (int64_t i = 0; i < in; ++i, filter += 9) {
      for (int row = 0; row < wg::kPatch; ++row) {
        double half[3] = {};
        for (int k = 0; k < 3; ++k) {
          for (int m = 0; m < 3; ++m) half[m] += g[row][k] * filter[k * 3 + m];
        }
        for (int column = 0; column < wg::kPatch; ++column) {
          const double value = half[0] * g[column][0] + half[1] * g[column][1] + half[2] * g[column][2];
          const int64_t position = o / wg::kPanel * wg::kPositions + row * wg::kPatch + column;
          values[(position * in + i) * wg::kPanel + o % wg::kPanel] = static_cast<float>(value);
        }
      }
    }
  }
  return packed;
}

void winograd_conv(const at::Tensor& x, const at::Tensor& transformed_weight, const at::Tensor& out,
                   const NormRelu* after, std::optional<CpuPath> cpu_path) {
  TORCH_CHECK(has_cpu_kernel(x) && is_pixel_matrix(x) && is_pixel_matrix(out) && x.scalar_type() == out.scalar_type(),
              "winograd_conv: expected pixels of one dtype, float32 or bf16");
  TORCH_CHECK(winograd_fits(x.size(1), out.size(1)) && transformed_weight.size(0) == panels(out.size(1)) &&
                  transformed_weight.size(2) == x.size(1) && x.size(0) == out.size(0) && x.size(2) == out.size(2) &&
                  x.size(3) == out.size(3),
              "winograd_conv: sizes do not fit");
  TORCH_CHECK(after == nullptr || after->channels() == out.size(1), "winograd_conv: expected a map of the outputs");
  WinogradJob job;
  job.bf16 = x.scalar_type() == at::kBFloat16;
  job.height = x.size(2);
  job.width = x.size(3);
  job.tile_rows = (job.height + wg::kTile - 1) / wg::kTile;
  job.tile_columns = (job.width + wg::kTile - 1) / wg::kTile;
  job.in = x.size(1);
  job.out = out.size(1);
  job.source = x.const_data_ptr();
  job.source_pitch = pixel_pitch(x);
  job.target = out.mutable_data_ptr();
  job.target_pitch = pixel_pitch(out);
  job.weight = transformed_weight.const_data_ptr<float>();
  if (after != nullptr) job.after = after->view();

  const int64_t tiles = x.size(0) * job.tile_rows * job.tile_columns;
  if (tiles == 0) return;
  const int64_t threads = at::get_num_threads();
  const int64_t per_tile = winograd_scratch(job.in, 1) * static_cast<int64_t>(sizeof(float));
  const int64_t most = std::max<int64_t>(kScratchBytes / per_tile / wg::kTilesTogether, 1) * wg::kTilesTogether;
  // As many blocks for every thread, of about the same size.
  const int64_t blocks = std::min((tiles + most * threads - 1) / (most * threads) * threads,
                                  (tiles + wg::kTilesTogether - 1) / wg::kTilesTogether);
  const int64_t block = ((tiles + blocks - 1) / blocks + wg::kTilesTogether - 1) / wg::kTilesTogether * wg::kTilesTogether;
  const int64_t scratch_size = winograd_scratch(job.in, block);
  const at::Tensor scratch = at::empty({threads, scratch_size}, transformed_weight.options());
  float* scratches = scratch.mutable_data_ptr<float>();
  const WinogradKernel kernel = winograd_kernel(cpu_path.value_or(default_cpu_path()));
  at::parallel_for(0, blocks, 1, [&](int64_t first, int64_t last) {
    float* mine = scratches + at::get_thread_num() * scratch_size;
    for (int64_t b = first; b < last; ++b) {
      const int64_t begin = b * block;
      const int64_t end = std::min(begin + block, tiles);
      if (begin < end) kernel(job, begin, end, mine);
    }
  });
}

}  // namespace densehybrid
