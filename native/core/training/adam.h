#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "models/state_dict.h"

namespace densehybrid {

struct AdamOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-7;
  double weight_decay = 0.0;
  double backbone_factor = 0.25;  // learning-rate factor of the backbone's parameters
};

// Adam (Kingma & Ba 2015) over the tensors of a state dict that want a gradient, in two groups: backbone and rest. A parameter
// without a gradient keeps its value, moments and step count, as in PyTorch.
class Adam {
 public:
  Adam(const StateDict& state, const AdamOptions& options);

  void step(double learning_rate);
  void zero_gradients();
  // Euclidean norm over all gradients; 0 when there is none.
  double gradient_norm() const;
  void scale_gradients(double factor);

  // Moments and step counts as exp_avg.<name>, exp_avg_sq.<name>, step.<name>; `load` needs all of them.
  NamedTensors state() const;
  void load(const NamedTensors& tensors);

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter;
    at::Tensor exp_avg;
    at::Tensor exp_avg_sq;
    at::Tensor step;  // float32 scalar, as the fused kernel wants it
    bool backbone;
  };
  std::vector<at::Tensor> gradients() const;

  AdamOptions options_;
  std::vector<Slot> slots_;
};

}  // namespace densehybrid
