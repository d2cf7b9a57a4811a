#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "io/safetensors.h"

namespace densehybrid {

// A backbone as the image classifier whose weights torchvision publishes: global average pooling and one linear layer, in
// evaluation mode. Backbones are compared with it; segmentation never runs it.
//   `name`: resnet18, resnet34, resnet50, resnet101, densenet121 or densenet169
//   `state`: its state dict by torchvision's names, strictly
//   `image`: N×3×H×W, normalised
// Gives logits N×classes and the activations probe.<name>. Throws Error INVALID_ARGUMENT, ARCHITECTURE_MISMATCH.
NamedTensors run_classifier(const std::string& name, const NamedTensors& state, const at::Tensor& image);

}  // namespace densehybrid
