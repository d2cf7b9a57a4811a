#include "training/trainer.h"

#include <c10/core/GradMode.h>

#include <cmath>

#include "training/optimizer_state.h"

namespace densehybrid {
namespace {

constexpr const char* kStepsKey = "densehybrid.steps";
constexpr const char* kModelPrefix = "model.";
constexpr const char* kFlowPrefix = "flow.";
constexpr const char* kFlowOptimizerPrefix = "flow_optimizer.";

// The tensors named <prefix><name>, as <name>.
NamedTensors with_prefix(const NamedTensors& tensors, const std::string& prefix) {
  NamedTensors chosen;
  for (const auto& [name, tensor] : tensors) {
    if (name.rfind(prefix, 0) == 0) chosen.emplace_back(name.substr(prefix.size()), tensor);
  }
  return chosen;
}

void add_with_prefix(NamedTensors& tensors, const std::string& prefix, const NamedTensors& added) {
  for (const auto& [name, tensor] : added) tensors.emplace_back(prefix + name, tensor);
}

std::shared_ptr<SegmentationModel> acquire(std::shared_ptr<SegmentationModel> model) {
  if (!model->acquire_for_training()) {
    throw Error("BUSY", "This model already has a trainer.", "Dispose the other trainer first, or load the model twice.");
  }
  return model;
}

// Leaves gradients to the parameters that are trained.
const StateDict& freeze(const StateDict& state, Freeze freeze) {
  for (const auto& entry : state.entries()) {
    if (!entry.trainable) continue;
    const bool frozen = (freeze == Freeze::backbone && entry.part == Part::backbone) ||
                        (freeze == Freeze::all_but_head && entry.part != Part::open_set_head);
    entry.tensor.set_requires_grad(!frozen);
  }
  return state;
}

// The loss resizes the logits as the network's scores do.
TrainerOptions with_align_corners(TrainerOptions options, const SegmentationModel& model) {
  options.loss.align_corners = model.align_corners();
  return options;
}

}  // namespace

Trainer::Trainer(std::shared_ptr<SegmentationModel> model, const TrainerOptions& options,
                 std::unique_ptr<JointFlow> flow)
    : model_(acquire(std::move(model))),
      options_(with_align_corners(options, *model_)),
      adam_(freeze(model_->state(), options.freeze), options.adam),
      flow_(std::move(flow)) {
  for (const auto& entry : model_->state().entries()) {
    if (!entry.trainable) statistics_.push_back(entry.tensor);
  }
}

Trainer::~Trainer() {
  adam_.zero_gradients();
  freeze(model_->state(), Freeze::nothing);
  model_->release_from_training();
}

void Trainer::backward(const TrainingBatch& batch, StepResult& result, const CancelToken& cancel) {
  const c10::AutoGradMode with_gradients(true);
  ForwardContext context;
  context.training = true;
  context.batch_norm_momentum = options_.batch_norm_momentum;
  context.freeze = options_.freeze;
  context.checkpointing = options_.checkpointing;
  context.seed = static_cast<uint64_t>(steps_);
  context.cancel = cancel;
  const bool synthetic = flow_ != nullptr && !batch.windows.empty();
  if (synthetic) flow_->draw(batch.images, batch.windows, batch.seed, cancel);
  const at::Tensor target = batch.labels.to(model_->config().device);
  const at::Tensor input = model_->prepare(batch.images, options_.precision);
  if (synthetic) flow_->paste(*model_, input);
  const auto output = model_->forward(input, context);
  HybridLossTerms terms;
  if (options_.hybrid) {
    terms = hybrid_loss(output.logits, output.ood_logits, target, options_.loss);
    result.x = terms.x.item<double>();
    result.d = terms.d.item<double>();
  } else {
    terms.total = terms.cls = closed_set_loss(output.logits, target, options_.loss);
  }
  result.cls = terms.cls.item<double>();
  result.total = terms.total.item<double>();
  result.output = {output.logits.detach(), output.ood_logits.detach()};
  if (!std::isfinite(result.total)) throw Error("NON_FINITE", "The loss is not finite (" + std::to_string(result.total) + ").");
  cancel.check();
  if (synthetic) flow_->backward_jsd(output.logits, options_.loss.align_corners);
  if (terms.total.requires_grad()) {
    std::vector<at::Tensor> parameters;  // all leaves, unless the pasted ones must stay out
    if (synthetic && !flow_->through_segmentation()) {
      for (const auto& entry : model_->state().entries()) {
        if (entry.tensor.requires_grad()) parameters.push_back(entry.tensor);
      }
      terms.total.backward({}, std::nullopt, false, parameters);
    } else {
      terms.total.backward();
    }
  }
  result.gradient_norm = adam_.gradient_norm();
  if (!std::isfinite(result.gradient_norm)) throw Error("NON_FINITE", "The gradient is not finite.");
  if (synthetic) result.flow = flow_->backward(cancel);
  cancel.check();
}

StepResult Trainer::step(const TrainingBatch& batch, const LearningRates& rates, bool want_gradients,
                         const CancelToken& cancel) {
  cancel.check();
  if (!batch.windows.empty() && flow_ == nullptr) {
    throw Error("INVALID_ARGUMENT", "There are windows for samples of a flow, but this trainer has no flow.");
  }
  snapshot_statistics();
  adam_.zero_gradients();
  StepResult result;
  try {
    backward(batch, result, cancel);
  } catch (...) {
    adam_.zero_gradients();
    restore_statistics();
    if (flow_ != nullptr) flow_->abandon();
    throw;
  }
  if (want_gradients) {
    for (const auto& entry : model_->state().entries()) {
      if (entry.trainable && entry.tensor.grad().defined()) {
        result.gradients.emplace_back(entry.name, entry.tensor.grad().clone());
      }
    }
  }
  if (options_.clip_norm > 0 && result.gradient_norm > options_.clip_norm) {
    adam_.scale_gradients(options_.clip_norm / result.gradient_norm);
  }
  adam_.step(rates.model);
  if (result.flow) flow_->step(rates.flow);
  ++steps_;
  return result;
}

void Trainer::snapshot_statistics() {
  const c10::NoGradGuard no_grad;
  if (saved_statistics_.empty()) {
    for (const at::Tensor& tensor : statistics_) saved_statistics_.push_back(tensor.clone());
    return;
  }
  for (size_t i = 0; i < statistics_.size(); ++i) saved_statistics_[i].copy_(statistics_[i]);
}

void Trainer::restore_statistics() {
  const c10::NoGradGuard no_grad;
  for (size_t i = 0; i < statistics_.size(); ++i) statistics_[i].copy_(saved_statistics_[i]);
}

void Trainer::save(const std::string& path, Metadata metadata) const {
  NamedTensors tensors;
  add_with_prefix(tensors, kModelPrefix, model_->state().named_tensors());
  add_with_prefix(tensors, "", adam_.state());
  if (flow_ != nullptr) {
    add_with_prefix(tensors, kFlowPrefix, flow_->flow().state().named_tensors());
    add_with_prefix(tensors, kFlowOptimizerPrefix, flow_->adamax().state());
  }
  metadata[kStepsKey] = std::to_string(steps_);
  write_safetensors(path, tensors, metadata);
}

Metadata Trainer::load(const std::string& path) {
  auto [tensors, metadata] = read_safetensors(path);
  const auto steps = metadata.find(kStepsKey);
  if (steps == metadata.end()) {
    throw Error("INVALID_FILE", path + " is not a trainer state.", "Give the folder that Trainer.save or --out wrote.");
  }
  const NamedTensors weights = with_prefix(tensors, kModelPrefix);
  const NamedTensors flow_weights = with_prefix(tensors, kFlowPrefix);
  // All checks before anything changes.
  model_->state().check(weights, /*strict=*/true);
  const NamedTensors flow_moments = with_prefix(tensors, kFlowOptimizerPrefix);
  if (flow_ != nullptr) {
    flow_->flow().state().check(flow_weights, /*strict=*/true);
    check_optimizer_state(flow_->adamax().state(), flow_moments, "flow");
  }
  adam_.load(tensors);
  if (flow_ != nullptr) {
    flow_->adamax().load(flow_moments);
    flow_->flow().state().load(flow_weights, /*strict=*/true);
  }
  model_->state().load(weights, /*strict=*/true);
  steps_ = std::strtoll(steps->second.c_str(), nullptr, 10);
  return metadata;
}

}  // namespace densehybrid
