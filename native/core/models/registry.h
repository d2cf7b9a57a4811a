#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "models/segmentation_model.h"

namespace densehybrid {

struct Architecture {
  std::string name;
  std::string backbone;        // torchvision's name where it publishes ImageNet weights for the backbone, else empty
  std::array<double, 3> mean;  // defaults, see ModelConfig
  std::array<double, 3> std;
  Options options;  // with their default values
  int64_t stride;   // of the logits
  bool align_corners = false;  // of the resizing of the logits
  bool checkpointing = false;  // in training unless it is switched off: without it common crops do not fit into 24 GB
  MakeNetwork make_network;
};

const std::vector<Architecture>& architectures();

// Throws Error INVALID_ARGUMENT for an unknown architecture or option, naming the known ones.
std::unique_ptr<SegmentationModel> create_model(ModelConfig config);

}  // namespace densehybrid
