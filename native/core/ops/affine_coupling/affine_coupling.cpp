#include "ops/affine_coupling/affine_coupling.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

#include "ops/affine_coupling/affine_coupling_cpu.h"
#include "ops/norm_relu/norm_relu.h"

namespace densehybrid {

extern const AffineCouplingKernel kAffineCoupling_portable;
extern const AffineCouplingKernel kAffineCoupling_avx2;
extern const AffineCouplingKernel kAffineCoupling_avx512;

AffineCouplingKernel affine_coupling_kernel(CpuPath path) {
  switch (path) {
    case CpuPath::avx512: return kAffineCoupling_avx512;
    case CpuPath::avx2: return kAffineCoupling_avx2;
    default: return kAffineCoupling_portable;
  }
}

namespace {

constexpr int64_t kBlock = 64;       // pixels, whose log-scales are summed by one thread
constexpr int64_t kGrain = 1 << 13;  // elements that are worth another thread

AffineCouplingJob job_of(const at::Tensor& source, const at::Tensor& parameters, const at::Tensor& out) {
  const int64_t channels = source.size(1);
  TORCH_CHECK(source.is_cpu() && is_pixel_matrix(source) && is_pixel_matrix(parameters) && is_pixel_matrix(out),
              "affine_coupling: expected pixels on the CPU");
  TORCH_CHECK(out.sizes() == source.sizes() && parameters.size(0) == source.size(0) &&
                  parameters.size(1) == channels / 2 * 2 && parameters.size(2) == source.size(2) &&
                  parameters.size(3) == source.size(3),
              "affine_coupling: sizes do not fit");
  AffineCouplingJob job;
  job.changed = channels / 2;
  job.kept = channels - job.changed;
  job.parameters = parameters.const_data_ptr<float>();
  job.parameters_pitch = pixel_pitch(parameters);
  job.source_pitch = pixel_pitch(source);
  job.out_pitch = pixel_pitch(out);
  return job;
}

}  // namespace

at::Tensor affine_coupling(const at::Tensor& x, const at::Tensor& parameters, const at::Tensor& z,
                           std::optional<CpuPath> cpu_path) {
  AffineCouplingJob job = job_of(x, parameters, z);
  job.source_kept = x.const_data_ptr<float>();
  job.source_changed = job.source_kept + job.kept;
  job.out_changed = z.mutable_data_ptr<float>();
  job.out_kept = job.out_changed + job.changed;
  const AffineCouplingKernel kernel = affine_coupling_kernel(cpu_path.value_or(default_cpu_path()));
  const int64_t images = x.size(0);
  const int64_t pixels = x.size(2) * x.size(3);
  const int64_t blocks = (pixels + kBlock - 1) / kBlock;  // of an image
  std::vector<double> sums(static_cast<size_t>(images * blocks));
  const int64_t grain = std::max<int64_t>(1, kGrain / (kBlock * x.size(1)));
  at::parallel_for(0, images * blocks, grain, [&](int64_t first, int64_t last) {
    for (int64_t b = first; b < last; ++b) {
      const int64_t image = b / blocks * pixels;
      const int64_t begin = b % blocks * kBlock;
      sums[static_cast<size_t>(b)] = kernel.couple(job, image + begin, image + std::min(begin + kBlock, pixels));
    }
  });
  const at::Tensor log_det = at::empty({images}, at::kDouble);
  double* total = log_det.mutable_data_ptr<double>();
  for (int64_t n = 0; n < images; ++n) {
    total[n] = 0.0;
    for (int64_t b = 0; b < blocks; ++b) total[n] += sums[static_cast<size_t>(n * blocks + b)];
  }
  return log_det;
}

void affine_coupling_inverse(const at::Tensor& z, const at::Tensor& parameters, const at::Tensor& x,
                             std::optional<CpuPath> cpu_path) {
  AffineCouplingJob job = job_of(z, parameters, x);
  job.source_changed = z.const_data_ptr<float>();
  job.source_kept = job.source_changed + job.changed;
  job.out_kept = x.mutable_data_ptr<float>();
  job.out_changed = job.out_kept + job.kept;
  const AffineCouplingKernel kernel = affine_coupling_kernel(cpu_path.value_or(default_cpu_path()));
  at::parallel_for(0, z.size(0) * z.size(2) * z.size(3), std::max<int64_t>(1, kGrain / z.size(1)),
                   [&](int64_t first, int64_t last) { kernel.uncouple(job, first, last); });
}

}  // namespace densehybrid
