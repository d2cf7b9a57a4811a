#include "training/optimizer_state.h"

#include <ATen/ops/_foreach_mul.h>
#include <ATen/ops/_foreach_norm.h>
#include <ATen/ops/stack.h>
#include <c10/core/GradMode.h>

#include <unordered_map>
#include <utility>

#include "common/error.h"

namespace densehybrid {
namespace {

using Pairs = std::vector<std::pair<at::Tensor, at::Tensor>>;

// Target and source of every tensor of the state.
Pairs matched(const NamedTensors& state, const NamedTensors& tensors, const std::string& owner) {
  std::unordered_map<std::string, at::Tensor> by_name;
  for (const auto& [name, tensor] : tensors) by_name.emplace(name, tensor);
  Pairs pairs;
  for (const auto& [name, target] : state) {
    const auto match = by_name.find(name);
    if (match == by_name.end() || match->second.sizes() != target.sizes()) {
      throw Error("ARCHITECTURE_MISMATCH", "The optimiser state does not belong to this " + owner + ": " + name +
                                               (match == by_name.end() ? " is missing." : " has another shape."));
    }
    pairs.emplace_back(target, match->second);
  }
  return pairs;
}

}  // namespace

double global_norm(const std::vector<at::Tensor>& gradients) {
  const c10::NoGradGuard no_grad;
  return gradients.empty() ? 0.0 : at::stack(at::_foreach_norm(gradients)).norm().item<double>();
}

void scale_all(const std::vector<at::Tensor>& gradients, double factor) {
  const c10::NoGradGuard no_grad;
  if (!gradients.empty()) at::_foreach_mul_(gradients, factor);
}

void check_optimizer_state(const NamedTensors& state, const NamedTensors& tensors, const std::string& owner) {
  matched(state, tensors, owner);
}

void load_optimizer_state(const NamedTensors& state, const NamedTensors& tensors, const std::string& owner) {
  const Pairs pairs = matched(state, tensors, owner);
  const c10::NoGradGuard no_grad;
  for (const auto& [target, source] : pairs) target.copy_(source);
}

}  // namespace densehybrid
