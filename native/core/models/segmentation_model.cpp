#include "models/segmentation_model.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

namespace densehybrid {

SegmentationModel::SegmentationModel(const ModelConfig& config, const MakeNetwork& make_network, bool align_corners)
    : config_(config), state_(config.seed, config.device, config.format()), align_corners_(align_corners) {
  network_ = make_network(state_, config_);
}

at::Tensor SegmentationModel::prepare(const at::Tensor& images, at::ScalarType dtype) const {
  at::Tensor x = images.to(config_.device);
  // A permuted N×H×W×3 array is N×3×H×W in channels_last: no copy.
  if (images.scalar_type() == at::kByte) x = x.permute({0, 3, 1, 2}).to(at::kFloat).div_(255.0);
  const auto per_channel = [&](const std::array<double, 3>& values) {
    return at::tensor(at::ArrayRef<double>(values), at::TensorOptions().dtype(at::kFloat).device(config_.device))
        .view({1, 3, 1, 1});
  };
  const std::array<double, 3> zeros = {0, 0, 0};
  const std::array<double, 3> ones = {1, 1, 1};
  if (config_.mean != zeros) x = x - per_channel(config_.mean);
  if (config_.std != ones) x = x / per_channel(config_.std);
  return x.to(dtype).contiguous(config_.format());
}

}  // namespace densehybrid
