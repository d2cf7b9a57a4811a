#include "training/flow_trainer.h"

#include <c10/core/GradMode.h>

#include <cmath>

namespace densehybrid {
namespace {

constexpr const char* kStepsKey = "densehybrid.steps";
const std::string kFlowPrefix = "flow.";

std::shared_ptr<DenseFlow> acquire(std::shared_ptr<DenseFlow> flow) {
  if (!flow->acquire_for_training()) {
    throw Error("BUSY", "This flow already has a trainer.", "Dispose the other trainer first, or load the flow twice.");
  }
  return flow;
}

// What a failed step must put back: statistics, and the parameters that an initialisation sets.
class Snapshot {
 public:
  Snapshot(const StateDict& state, bool with_parameters) {
    for (const auto& entry : state.entries()) {
      if (entry.trainable && !with_parameters) continue;
      kept_.emplace_back(entry.tensor, entry.tensor.detach().clone());
    }
  }
  void restore() const {
    const c10::NoGradGuard no_grad;
    for (const auto& [tensor, value] : kept_) tensor.copy_(value);
  }

 private:
  std::vector<std::pair<at::Tensor, at::Tensor>> kept_;
};

}  // namespace

FlowTrainer::FlowTrainer(std::shared_ptr<DenseFlow> flow, const FlowTrainerOptions& options)
    : flow_(acquire(std::move(flow))), options_(options), adamax_(flow_->state(), options.adamax) {}

FlowTrainer::~FlowTrainer() {
  adamax_.zero_gradients();
  flow_->release_from_training();
}

FlowStepResult FlowTrainer::step(const at::Tensor& images, Draws& draws, double learning_rate, bool want_gradients,
                                 const CancelToken& cancel) {
  cancel.check();
  adamax_.zero_gradients();
  const Snapshot before(flow_->state(), /*with_parameters=*/!flow_->initialised());
  FlowStepResult result;
  try {
    const c10::AutoGradMode with_gradients(true);
    FlowContext context(draws, /*is_training=*/true);
    context.cancel = cancel;
    const at::Tensor loss = bits_per_dim(flow_->log_prob(images, context), images);
    result.bits_per_dim = loss.item<double>();
    if (!std::isfinite(result.bits_per_dim)) {
      throw Error("NON_FINITE", "The loss is not finite (" + std::to_string(result.bits_per_dim) + ").");
    }
    loss.backward();
    result.gradient_norm = adamax_.gradient_norm();
    if (!std::isfinite(result.gradient_norm)) throw Error("NON_FINITE", "The gradient is not finite.");
    cancel.check();
  } catch (...) {
    adamax_.zero_gradients();
    before.restore();
    throw;
  }
  if (want_gradients) {
    for (const auto& entry : flow_->state().entries()) {
      if (entry.trainable && entry.tensor.grad().defined()) {
        result.gradients.emplace_back(entry.name, entry.tensor.grad().clone());
      }
    }
  }
  if (options_.clip_norm > 0 && result.gradient_norm > options_.clip_norm) {
    adamax_.scale_gradients(options_.clip_norm / result.gradient_norm);
  }
  adamax_.step(learning_rate);
  ++steps_;
  return result;
}

void FlowTrainer::save(const std::string& path, Metadata metadata) const {
  NamedTensors tensors;
  for (auto& [name, tensor] : flow_->state().named_tensors()) tensors.emplace_back(kFlowPrefix + name, tensor);
  for (auto& [name, tensor] : adamax_.state()) tensors.emplace_back(name, tensor);
  metadata[kStepsKey] = std::to_string(steps_);
  write_safetensors(path, tensors, metadata);
}

Metadata FlowTrainer::load(const std::string& path) {
  auto [tensors, metadata] = read_safetensors(path);
  const auto steps = metadata.find(kStepsKey);
  if (steps == metadata.end()) {
    throw Error("INVALID_FILE", path + " is not a trainer state.", "Give a file that a flow trainer saved.");
  }
  NamedTensors weights;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(kFlowPrefix)) weights.emplace_back(name.substr(kFlowPrefix.size()), tensor);
  }
  flow_->state().check(weights, /*strict=*/true);  // before anything changes
  adamax_.load(tensors);
  flow_->state().load(weights, /*strict=*/true);
  steps_ = std::strtoll(steps->second.c_str(), nullptr, 10);
  return metadata;
}

}  // namespace densehybrid
