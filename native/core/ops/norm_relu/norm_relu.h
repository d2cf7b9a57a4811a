#pragma once

#include <ATen/core/Tensor.h>

#include <limits>
#include <optional>

#include "common/cpu_path.h"
#include "ops/norm_relu/norm_relu_cpu.h"

namespace densehybrid {

// BatchNorm with fixed statistics and the activation after it, per channel:
//   y = min(max(x · scale + shift, low), high),  scale = weight / √(variance + eps),  shift = bias − mean · scale
// ReLU: low = 0; ReLU6: also high = 6; no activation: low = −∞.
class NormRelu {
 public:
  static constexpr float kInfinity = std::numeric_limits<float>::infinity();

  NormRelu(const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& mean, const at::Tensor& variance,
           double eps, float low = 0.0f, float high = kInfinity);
  // scale = 1
  NormRelu(const at::Tensor& bias, float low, float high = kInfinity);

  int64_t channels() const { return channels_; }
  ChannelMapView view() const;

 private:
  float* allocate(int64_t channels);

  at::Tensor values_;  // float32: scale, then shift, both padded
  int64_t channels_ = 0;
  float low_;
  float high_;
};

// The pixels of an N×C×H×W tensor as a matrix: they lie at equal distances in memory, each with its channels together.
// True for channels_last tensors and for slices of their channels.
bool is_pixel_matrix(const at::Tensor& x);
int64_t pixel_pitch(const at::Tensor& x);

// The operations below run on the CPU, without gradients, from and to pixel matrices in float32 or bf16.

// A map N×C×h×w, in the dtype of the output, as an addend for N×C×`height`×`width`: resized (bilinear,
// align_corners = false) unless it has that size.
bool addend_fits(const at::Tensor& addend, at::IntArrayRef sizes);
NormReluAddend addend_view(const at::Tensor& addend, int64_t height, int64_t width);

// `out` of the shape of x; it may be x itself or a slice of channels. The map of x + addend when that is given.
void norm_relu(const at::Tensor& x, const NormRelu& map, const at::Tensor& out, const at::Tensor& addend = {},
               std::optional<CpuPath> cpu_path = {});

// The map and then the largest value of every 2×2 pixels: `out` N×C×⌊H/2⌋×⌊W/2⌋. At least 16 channels.
void norm_relu_max_pool(const at::Tensor& x, const NormRelu& map, const at::Tensor& out,
                        std::optional<CpuPath> cpu_path = {});

// The map and then the mean of 3×3 pixels at stride 2, padded by one pixel that does not count: `out` N×C×⌈H/2⌉×⌈W/2⌉.
// At least 16 channels.
void norm_relu_average_pool(const at::Tensor& x, const NormRelu& map, const at::Tensor& out,
                            std::optional<CpuPath> cpu_path = {});

}  // namespace densehybrid
