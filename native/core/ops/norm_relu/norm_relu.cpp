#include "ops/norm_relu/norm_relu.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <cmath>

#include "ops/tensor_view.h"

namespace densehybrid {

extern const NormReluKernel kNormRelu_portable;
extern const NormReluKernel kNormRelu_avx2;
extern const NormReluKernel kNormRelu_avx512;

NormReluKernel norm_relu_kernel(CpuPath path) {
  switch (path) {
    case CpuPath::avx512: return kNormRelu_avx512;
    case CpuPath::avx2: return kNormRelu_avx2;
    default: return kNormRelu_portable;
  }
}

NormRelu::NormRelu(const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& mean, const at::Tensor& variance,
                   double eps, float low, float high)
    : low_(low), high_(high) {
  float* scale = allocate(weight.numel());
  float* shift = scale + values_.size(1);
  const float* w = weight.const_data_ptr<float>();
  const float* b = bias.const_data_ptr<float>();
  const float* m = mean.const_data_ptr<float>();
  const float* v = variance.const_data_ptr<float>();
  for (int64_t c = 0; c < channels_; ++c) {
    scale[c] = w[c] / std::sqrt(v[c] + static_cast<float>(eps));
    shift[c] = b[c] - m[c] * scale[c];
  }
}

NormRelu::NormRelu(const at::Tensor& bias, float low, float high) : low_(low), high_(high) {
  float* scale = allocate(bias.numel());
  std::fill_n(scale, channels_, 1.0f);
  std::copy_n(bias.const_data_ptr<float>(), channels_, scale + values_.size(1));
}

float* NormRelu::allocate(int64_t channels) {
  channels_ = channels;
  const int64_t padded = (channels + kPaddedChannels - 1) / kPaddedChannels * kPaddedChannels;
  values_ = at::empty({2, padded}, at::kFloat);
  float* values = values_.mutable_data_ptr<float>();
  if (channels < padded) std::fill_n(values, values_.numel(), 0.0f);
  return values;
}

ChannelMapView NormRelu::view() const {
  const float* scale = values_.const_data_ptr<float>();
  return {scale, scale + values_.size(1), low_, high_};
}

int64_t pixel_pitch(const at::Tensor& x) {
  // The stride of a dimension of one element says nothing.
  for (const int64_t dimension : {3, 2, 0}) {
    if (x.size(dimension) > 1) return x.stride(dimension);
  }
  return x.size(1);
}

bool is_pixel_matrix(const at::Tensor& x) {
  const int64_t pitch = pixel_pitch(x);
  return x.dim() == 4 && (x.size(1) == 1 || x.stride(1) == 1) && pitch >= x.size(1) &&
         (x.size(2) == 1 || x.stride(2) == x.size(3) * pitch) &&
         (x.size(0) == 1 || x.stride(0) == x.size(2) * x.size(3) * pitch);
}

namespace {

constexpr int64_t kGrain = 1 << 14;  // elements that are worth another thread

void check(const at::Tensor& x, const NormRelu& map, const at::Tensor& out) {
  TORCH_CHECK(has_cpu_kernel(x) && is_pixel_matrix(x), "norm_relu: expected pixels in float32 or bf16");
  TORCH_CHECK(has_cpu_kernel(out) && is_pixel_matrix(out), "norm_relu: expected an output in float32 or bf16");
  TORCH_CHECK(x.size(1) == map.channels() && out.size(1) == map.channels() && out.size(0) == x.size(0),
              "norm_relu: expected ", map.channels(), " channels");
}

NormReluJob job_of(const at::Tensor& x, const NormRelu& map, const at::Tensor& out) {
  NormReluJob job;
  job.source_bf16 = x.scalar_type() == at::kBFloat16;
  job.out_bf16 = out.scalar_type() == at::kBFloat16;
  job.channels = map.channels();
  job.map = map.view();
  job.source = x.const_data_ptr();
  job.source_pitch = pixel_pitch(x);
  job.out = out.mutable_data_ptr();
  job.out_pitch = pixel_pitch(out);
  return job;
}

template <typename Kernel>
void pool(const at::Tensor& x, const NormRelu& map, const at::Tensor& out, Kernel kernel) {
  TORCH_CHECK(map.channels() >= kPaddedChannels, "norm_relu: expected at least ", kPaddedChannels, " channels");
  const int64_t rows = out.size(2);
  const NormReluJob pixels = job_of(x, map, out);
  const int64_t image = x.size(2) * x.size(3) * pixels.source_pitch * static_cast<int64_t>(x.element_size());
  const int64_t out_image = rows * out.size(3) * pixels.out_pitch * static_cast<int64_t>(out.element_size());
  const int64_t grain = std::max<int64_t>(1, kGrain / (out.size(3) * map.channels()));
  at::parallel_for(0, x.size(0) * rows, grain, [&](int64_t first, int64_t last) {
    while (first < last) {
      const int64_t n = first / rows;
      const int64_t end = std::min(last, (n + 1) * rows);
      NormReluPoolJob job = {pixels, x.size(2), x.size(3), out.size(3)};
      job.pixels.source = static_cast<const char*>(pixels.source) + n * image;
      job.pixels.out = static_cast<char*>(pixels.out) + n * out_image;
      kernel(job, first - n * rows, end - n * rows);
      first = end;
    }
  });
}

}  // namespace

bool addend_fits(const at::Tensor& addend, at::IntArrayRef sizes) {
  const bool same = addend.sizes() == sizes;
  return has_cpu_kernel(addend) && is_pixel_matrix(addend) && addend.size(0) == sizes[0] && addend.size(1) == sizes[1] &&
         addend.numel() > 0 && (same || sizes[1] >= kPaddedChannels);
}

NormReluAddend addend_view(const at::Tensor& addend, int64_t height, int64_t width) {
  return {addend.const_data_ptr(), pixel_pitch(addend), addend.size(2), addend.size(3), height, width};
}

void norm_relu(const at::Tensor& x, const NormRelu& map, const at::Tensor& out, const at::Tensor& addend,
               std::optional<CpuPath> cpu_path) {
  check(x, map, out);
  TORCH_CHECK(x.sizes() == out.sizes(), "norm_relu: expected an output of the input's size");
  NormReluJob job = job_of(x, map, out);
  if (addend.defined()) {
    TORCH_CHECK(addend_fits(addend, out.sizes()) && addend.scalar_type() == out.scalar_type(),
                "norm_relu: expected an addend like the output");
    job.addend = addend_view(addend, out.size(2), out.size(3));
  }
  const NormReluKernel kernel = norm_relu_kernel(cpu_path.value_or(default_cpu_path()));
  at::parallel_for(0, x.size(0) * x.size(2) * x.size(3), std::max<int64_t>(1, kGrain / map.channels()),
                   [&](int64_t first, int64_t last) { kernel.pixels(job, first, last); });
}

void norm_relu_max_pool(const at::Tensor& x, const NormRelu& map, const at::Tensor& out,
                        std::optional<CpuPath> cpu_path) {
  check(x, map, out);
  TORCH_CHECK(out.size(2) == x.size(2) / 2 && out.size(3) == x.size(3) / 2 && out.numel() > 0,
              "norm_relu: expected an output of half the input's size");
  pool(x, map, out, norm_relu_kernel(cpu_path.value_or(default_cpu_path())).max_pool);
}

void norm_relu_average_pool(const at::Tensor& x, const NormRelu& map, const at::Tensor& out,
                            std::optional<CpuPath> cpu_path) {
  check(x, map, out);
  TORCH_CHECK(out.size(2) == (x.size(2) + 1) / 2 && out.size(3) == (x.size(3) + 1) / 2,
              "norm_relu: expected an output of half the input's size");
  pool(x, map, out, norm_relu_kernel(cpu_path.value_or(default_cpu_path())).average_pool);
}

}  // namespace densehybrid
