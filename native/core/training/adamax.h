#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

#include "models/state_dict.h"

namespace densehybrid {

struct AdamaxOptions {
  double beta1 = 0.9;
  double beta2 = 0.999;
  double eps = 1e-7;
};

// Adamax (Kingma & Ba 2015) over the trainable tensors of a state dict: n ← max(β₂ n, |g| + ε),
// p ← p − lr / (1 − β₁ᵗ) · m / n. A parameter without a gradient keeps its value, moments and step count.
class Adamax {
 public:
  Adamax(const StateDict& state, const AdamaxOptions& options);

  void step(double learning_rate);
  void zero_gradients();
  // Euclidean norm over all gradients; 0 when there is none.
  double gradient_norm() const;
  void scale_gradients(double factor);

  // Moments and step counts as exp_avg.<name>, exp_inf.<name>, step.<name>; `load` needs all of them.
  NamedTensors state() const;
  void load(const NamedTensors& tensors);

 private:
  struct Slot {
    std::string name;
    at::Tensor parameter;
    at::Tensor exp_avg;
    at::Tensor exp_inf;
    at::Tensor step;  // int64 scalar on the CPU
  };
  std::vector<at::Tensor> gradients() const;

  AdamaxOptions options_;
  std::vector<Slot> slots_;
};

}  // namespace densehybrid
