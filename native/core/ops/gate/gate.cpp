#include "ops/gate/gate.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "ops/gate/gate_cpu.h"
#include "ops/norm_relu/norm_relu.h"

namespace densehybrid {

extern const GateKernel kGate_portable;
extern const GateKernel kGate_avx2;
extern const GateKernel kGate_avx512;

GateKernel gate_kernel(CpuPath path) {
  switch (path) {
    case CpuPath::avx512: return kGate_avx512;
    case CpuPath::avx2: return kGate_avx2;
    default: return kGate_portable;
  }
}

void gate(const at::Tensor& parts, const at::Tensor& bias, const at::Tensor& residual, const at::Tensor& out,
          std::optional<CpuPath> cpu_path) {
  constexpr int64_t kGrain = 1 << 13;  // outputs that are worth another thread
  const int64_t channels = out.size(1);
  TORCH_CHECK(parts.is_cpu() && is_pixel_matrix(parts) && is_pixel_matrix(out), "gate: expected pixels on the CPU");
  TORCH_CHECK(parts.size(0) == out.size(0) && parts.size(1) == 3 * channels && parts.size(2) == out.size(2) &&
                  parts.size(3) == out.size(3) && bias.numel() == 3 * channels && bias.is_contiguous(),
              "gate: sizes do not fit");
  GateJob job;
  job.channels = channels;
  job.parts = parts.const_data_ptr<float>();
  job.parts_pitch = pixel_pitch(parts);
  job.bias = bias.const_data_ptr<float>();
  if (residual.defined()) {
    TORCH_CHECK(residual.sizes() == out.sizes() && is_pixel_matrix(residual), "gate: expected a residual like the output");
    job.residual = residual.const_data_ptr<float>();
    job.residual_pitch = pixel_pitch(residual);
  }
  job.out = out.mutable_data_ptr<float>();
  job.out_pitch = pixel_pitch(out);
  const GateKernel kernel = gate_kernel(cpu_path.value_or(default_cpu_path()));
  at::parallel_for(0, out.size(0) * out.size(2) * out.size(3), std::max<int64_t>(1, kGrain / channels),
                   [&](int64_t first, int64_t last) { kernel(job, first, last); });
}

}  // namespace densehybrid
