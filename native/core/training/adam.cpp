#include "training/adam.h"

#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include "training/optimizer_state.h"

namespace densehybrid {

Adam::Adam(const StateDict& state, const AdamOptions& options) : options_(options) {
  for (const auto& entry : state.entries()) {
    if (!entry.tensor.requires_grad()) continue;
    slots_.push_back({entry.name, entry.tensor, at::zeros_like(entry.tensor.detach()),
                      at::zeros_like(entry.tensor.detach()), at::zeros({}, entry.tensor.options().requires_grad(false)),
                      entry.part == Part::backbone});
  }
}

std::vector<at::Tensor> Adam::gradients() const {
  std::vector<at::Tensor> gradients;
  for (const Slot& slot : slots_) {
    if (slot.parameter.grad().defined()) gradients.push_back(slot.parameter.grad());
  }
  return gradients;
}

void Adam::step(double learning_rate) {
  const c10::NoGradGuard no_grad;
  for (const bool backbone : {true, false}) {
    std::vector<at::Tensor> parameters, gradients, exp_avgs, exp_avg_sqs, steps;
    for (const Slot& slot : slots_) {
      if (slot.backbone != backbone || !slot.parameter.grad().defined()) continue;
      parameters.push_back(slot.parameter);
      // The fused kernel walks raw memory, so the gradient must lie in memory as its parameter does.
      gradients.push_back(slot.parameter.grad().strides() == slot.parameter.strides()
                              ? slot.parameter.grad()
                              : at::zeros_like(slot.parameter.detach()).copy_(slot.parameter.grad()));
      exp_avgs.push_back(slot.exp_avg);
      exp_avg_sqs.push_back(slot.exp_avg_sq);
      steps.push_back(slot.step);
      slot.step.add_(1);
    }
    if (parameters.empty()) continue;
    at::_fused_adam_(parameters, gradients, exp_avgs, exp_avg_sqs, /*max_exp_avg_sqs=*/{}, steps,
                     backbone ? learning_rate * options_.backbone_factor : learning_rate, options_.beta1,
                     options_.beta2, options_.weight_decay, options_.eps, /*amsgrad=*/false, /*maximize=*/false);
    // The fused kernel does not count its changes, by which the models' weight caches see that they are stale.
    for (const at::Tensor& parameter : parameters) parameter.unsafeGetTensorImpl()->bump_version();
  }
}

void Adam::zero_gradients() {
  for (Slot& slot : slots_) slot.parameter.mutable_grad().reset();
}

double Adam::gradient_norm() const { return global_norm(gradients()); }

void Adam::scale_gradients(double factor) { scale_all(gradients(), factor); }

NamedTensors Adam::state() const {
  NamedTensors tensors;
  for (const Slot& slot : slots_) {
    tensors.emplace_back("exp_avg." + slot.name, slot.exp_avg);
    tensors.emplace_back("exp_avg_sq." + slot.name, slot.exp_avg_sq);
    tensors.emplace_back("step." + slot.name, slot.step);
  }
  return tensors;
}

void Adam::load(const NamedTensors& tensors) { load_optimizer_state(state(), tensors, "model"); }

}  // namespace densehybrid
