#pragma once

#include <cstdint>

#include "models/registry.h"

namespace densehybrid {

struct ModelProfile {
  int64_t parameters = 0;
  double flops = 0.0;           // of one forward pass; a multiplication and its addition count as two
  int64_t inference_bytes = 0;  // weights, and the maps that live at once in a forward pass, layer by layer
  int64_t training_bytes = 0;   // the same for a training step, with gradients and Adam's moments
};

struct ImageBatch {
  int64_t images = 1;
  int64_t height = 0;
  int64_t width = 0;
};

// Runs the network on tensors without content: nothing is computed, the sizes and the lifetimes of all maps are real. The
// fused path of the CPU needs less than layer by layer.
//   `config` as for create_model, its device is not used; `checkpointing` of the training step
ModelProfile profile_model(ModelConfig config, const ImageBatch& scored, const ImageBatch& trained, bool checkpointing);

}  // namespace densehybrid
