#include "models/segmentation_model.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

namespace densehybrid {

SegmentationModel::SegmentationModel(const ModelConfig& config,
                                     std::unique_ptr<Backbone> (*make_backbone)(StateDict&, const Options&),
                                     const LadderSpec& ladder)
    : config_(config), state_(config.seed, config.device, config.format()) {
  backbone_ = make_backbone(state_, config.options);
  ladder_ = std::make_unique<Ladder>(state_, ladder, backbone_->channels(), backbone_->skip_channels());
  const int64_t features = ladder_->channels();
  logits_ = std::make_unique<NormReluConv>(state_, "logits",
                                           ConvSpec{.in = features, .out = config.classes, .bias = true});
  ood_logits_ = std::make_unique<NormReluConv>(state_, "logits_ood", ConvSpec{.in = features, .out = 2, .bias = true});
}

SegmentationModel::Output SegmentationModel::forward(const at::Tensor& image, const ForwardContext& context) const {
  context.cancel.check();
  const at::Tensor features = ladder_->forward(backbone_->forward(image, context), context);
  return {logits_->forward(features, context), ood_logits_->forward(features, context)};
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
