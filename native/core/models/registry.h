#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "models/segmentation_model.h"

namespace densehybrid {

struct Architecture {
  std::string name;
  std::array<double, 3> mean;  // defaults, see ModelConfig
  std::array<double, 3> std;
  Options options;  // with their default values
  int64_t stride;   // of the logits
  std::unique_ptr<Backbone> (*make_backbone)(StateDict&, const Options&);
  LadderSpec ladder;
};

const std::vector<Architecture>& architectures();

// Throws Error INVALID_ARGUMENT for an unknown architecture or option, naming the known ones.
std::unique_ptr<SegmentationModel> create_model(ModelConfig config);

}  // namespace densehybrid
