#include "training/adamax.h"

#include <ATen/ops/maximum.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include <cmath>

#include "training/optimizer_state.h"

namespace densehybrid {

Adamax::Adamax(const StateDict& state, const AdamaxOptions& options) : options_(options) {
  for (const auto& entry : state.entries()) {
    if (!entry.trainable) continue;
    const at::Tensor value = entry.tensor.detach();
    slots_.push_back({entry.name, entry.tensor, at::zeros_like(value), at::zeros_like(value), at::zeros({}, at::kLong)});
  }
}

std::vector<at::Tensor> Adamax::gradients() const {
  std::vector<at::Tensor> gradients;
  for (const Slot& slot : slots_) {
    if (slot.parameter.grad().defined()) gradients.push_back(slot.parameter.grad());
  }
  return gradients;
}

void Adamax::step(double learning_rate) {
  const c10::NoGradGuard no_grad;
  for (Slot& slot : slots_) {
    const at::Tensor& gradient = slot.parameter.grad();
    if (!gradient.defined()) continue;
    slot.step.add_(1);
    const auto steps = static_cast<double>(slot.step.item<int64_t>());
    slot.exp_avg.lerp_(gradient, 1.0 - options_.beta1);
    at::maximum_out(slot.exp_inf, slot.exp_inf.mul_(options_.beta2), gradient.abs().add_(options_.eps));
    slot.parameter.addcdiv_(slot.exp_avg, slot.exp_inf, -learning_rate / (1.0 - std::pow(options_.beta1, steps)));
  }
}

void Adamax::zero_gradients() {
  for (Slot& slot : slots_) slot.parameter.mutable_grad().reset();
}

double Adamax::gradient_norm() const { return global_norm(gradients()); }

void Adamax::scale_gradients(double factor) { scale_all(gradients(), factor); }

NamedTensors Adamax::state() const {
  NamedTensors tensors;
  for (const Slot& slot : slots_) {
    tensors.emplace_back("exp_avg." + slot.name, slot.exp_avg);
    tensors.emplace_back("exp_inf." + slot.name, slot.exp_inf);
    tensors.emplace_back("step." + slot.name, slot.step);
  }
  return tensors;
}

void Adamax::load(const NamedTensors& tensors) { load_optimizer_state(state(), tensors, "flow"); }

}  // namespace densehybrid
