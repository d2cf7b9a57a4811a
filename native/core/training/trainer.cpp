#include "training/trainer.h"

#include <c10/core/GradMode.h>

#include <cmath>

namespace densehybrid {
namespace {

constexpr const char* kStepsKey = "densehybrid.steps";
constexpr const char* kModelPrefix = "model.";

std::shared_ptr<SegmentationModel> acquire(std::shared_ptr<SegmentationModel> model) {
  if (!model->acquire_for_training()) {
    throw Error("BUSY", "This model already has a trainer.", "Dispose the other trainer first, or load the model twice.");
  }
  return model;
}

}  // namespace

Trainer::Trainer(std::shared_ptr<SegmentationModel> model, const TrainerOptions& options)
    : model_(acquire(std::move(model))), options_(options), adam_(model_->state(), options.adam) {
  for (const auto& entry : model_->state().entries()) {
    if (!entry.trainable) statistics_.push_back(entry.tensor);
  }
}

Trainer::~Trainer() {
  adam_.zero_gradients();
  model_->release_from_training();
}

StepResult Trainer::step(const at::Tensor& images, const at::Tensor& labels, double learning_rate, bool want_gradients,
                         const CancelToken& cancel) {
  cancel.check();
  snapshot_statistics();
  adam_.zero_gradients();
  StepResult result;
  try {
    const c10::AutoGradMode with_gradients(true);
    ForwardContext context;
    context.training = true;
    context.batch_norm_momentum = options_.batch_norm_momentum;
    context.cancel = cancel;
    const at::Tensor target = labels.to(model_->config().device);
    const auto output = model_->forward(model_->prepare(images, options_.precision), context);
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
    if (terms.total.requires_grad()) terms.total.backward();
    result.gradient_norm = adam_.gradient_norm();
    if (!std::isfinite(result.gradient_norm)) throw Error("NON_FINITE", "The gradient is not finite.");
    cancel.check();
  } catch (...) {
    adam_.zero_gradients();
    restore_statistics();
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
  adam_.step(learning_rate);
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
  for (auto& [name, tensor] : model_->state().named_tensors()) tensors.emplace_back(kModelPrefix + name, tensor);
  for (auto& [name, tensor] : adam_.state()) tensors.emplace_back(name, tensor);
  metadata[kStepsKey] = std::to_string(steps_);
  write_safetensors(path, tensors, metadata);
}

Metadata Trainer::load(const std::string& path) {
  auto [tensors, metadata] = read_safetensors(path);
  const auto steps = metadata.find(kStepsKey);
  if (steps == metadata.end()) {
    throw Error("INVALID_FILE", path + " is not a trainer state.", "Give the folder that Trainer.save or --out wrote.");
  }
  NamedTensors weights;
  for (const auto& [name, tensor] : tensors) {
    if (name.rfind(kModelPrefix, 0) == 0) weights.emplace_back(name.substr(6), tensor);
  }
  model_->state().check(weights, /*strict=*/true);  // before anything changes
  adam_.load(tensors);
  model_->state().load(weights, /*strict=*/true);
  steps_ = std::strtoll(steps->second.c_str(), nullptr, 10);
  return metadata;
}

}  // namespace densehybrid
