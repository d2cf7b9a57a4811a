#pragma once

#include <map>
#include <string>

#include "flow/draws.h"
#include "io/safetensors.h"

namespace densehybrid {

// One layer of the flow by itself, as comparisons with other implementations want it.
struct FlowLayerJob {
  std::string layer;                     // see flow_layer.cpp
  std::map<std::string, int64_t> sizes;  // channels, mid, depth, growth, … as the layer needs them
  NamedTensors state;                    // its state dict; absent tensors keep their initial value
  at::Tensor input;
};

// Runs the layer on its input, in evaluation mode (an ActNorm that is not initialised takes the input as its first batch).
// A bijection gives value, log_det, inverse (of that value; draws follow those of the forward pass), the gradients of
// Σ value²/2 − Σ log_det as grad.input and grad.<name>, and its state as state.<name>; other layers what they have.
NamedTensors run_flow_layer(const FlowLayerJob& job, Draws& draws);

}  // namespace densehybrid
