#include "training/joint_flow.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <map>

#include "ops/jensen_shannon/jensen_shannon.h"

namespace densehybrid {
namespace {

std::shared_ptr<DenseFlow> acquire(std::shared_ptr<DenseFlow> flow) {
  if (!flow->initialised()) {
    throw Error("INVALID_ARGUMENT", "This flow is not initialised: it has seen no patches yet.",
                "Train it first (train-flow, FlowTrainer), or give it patches with initialise.");
  }
  if (!flow->acquire_for_training()) {
    throw Error("BUSY", "This flow already has a trainer.", "Dispose the other trainer first, or load the flow twice.");
  }
  return flow;
}

std::string text(int64_t value) { return std::to_string(value); }

void check(const Window& window, const at::Tensor& images, int64_t reduction) {
  const bool inside = window.image >= 0 && window.image < images.size(0) && window.top >= 0 && window.left >= 0 &&
                      window.height > 0 && window.width > 0 && window.top <= images.size(1) - window.height &&
                      window.left <= images.size(2) - window.width;
  if (!inside) {
    throw Error("INVALID_ARGUMENT", "Expected a window inside the " + text(images.size(2)) + "×" + text(images.size(1)) +
                                        " images but received " + text(window.width) + "×" + text(window.height) +
                                        " at " + text(window.left) + ", " + text(window.top) + " of image " +
                                        text(window.image) + ".");
  }
  if (window.height % reduction != 0 || window.width % reduction != 0) {
    throw Error("INVALID_ARGUMENT", "Expected sides that are multiples of " + text(reduction) +
                                        " for a sample of this flow but received " + text(window.width) + "×" +
                                        text(window.height) + ".");
  }
}

// The window of x, whose rows and columns are dimensions `row` and `row` + 1 after that of the images.
at::Tensor view_of(const at::Tensor& x, const Window& window, int64_t row) {
  return x.select(0, window.image).narrow(row, window.top, window.height).narrow(row + 1, window.left, window.width);
}

}  // namespace

JointFlow::JointFlow(std::shared_ptr<DenseFlow> flow, const JointFlowOptions& options)
    : flow_(acquire(std::move(flow))), options_(options), adamax_(flow_->state(), options.adamax) {}

JointFlow::~JointFlow() {
  adamax_.zero_gradients();
  flow_->release_from_training();
}

void JointFlow::draw(const at::Tensor& images, const std::vector<Window>& windows, uint64_t seed,
                     const CancelToken& cancel) {
  if (images.scalar_type() != at::kByte) throw Error("INVALID_ARGUMENT", "Expected images as bytes for synthetic negatives.");
  groups_.clear();
  terms_ = {};
  adamax_.zero_gradients();
  statistics_.clear();
  for (const auto& entry : flow_->state().entries()) {
    if (!entry.trainable) statistics_.emplace_back(entry.tensor, entry.tensor.detach().clone());
  }
  std::map<std::pair<int64_t, int64_t>, std::vector<Window>> by_size;
  for (const Window& window : windows) {
    check(window, images, flow_->reduction());
    by_size[{window.height, window.width}].push_back(window);
  }
  const at::Device device = flow_->config().device;
  draws_ = std::make_unique<Draws>(seed);
  mask_ = at::zeros({images.size(0), images.size(1), images.size(2)}, at::kByte);
  for (auto& [size, members] : by_size) {
    cancel.check();
    Group group;
    std::vector<at::Tensor> crops;
    for (const Window& window : members) {
      crops.push_back(view_of(images, window, 0).permute({2, 0, 1}));
      view_of(mask_, window, 0).fill_(1);
    }
    group.crops = at::stack(crops).to(device);
    FlowContext context(*draws_);
    context.cancel = cancel;
    const ImagePatch patch =
        to_image(flow_->sample(static_cast<int64_t>(members.size()), size.first, size.second, context));
    group.sample = patch.image;
    group.outside = patch.outside;
    group.leaf = patch.image.detach().clone().requires_grad_(true);
    group.windows = std::move(members);
    groups_.push_back(std::move(group));
  }
}

void JointFlow::paste(const SegmentationModel& model, at::Tensor x) const {
  for (const Group& group : groups_) {
    const at::Tensor patches = model.prepare(group.leaf, x.scalar_type());
    for (size_t i = 0; i < group.windows.size(); ++i) {
      view_of(x, group.windows[i], 1).copy_(patches.select(0, static_cast<int64_t>(i)));
    }
  }
}

void JointFlow::backward_jsd(const at::Tensor& logits, bool align_corners) {
  const auto divergence = jensen_shannon(logits, mask_.to(logits.device()), align_corners);
  terms_.jsd = divergence.loss.item<double>();
  if (!std::isfinite(terms_.jsd)) throw Error("NON_FINITE", "L_jsd is not finite (" + std::to_string(terms_.jsd) + ").");
  if (options_.jsd_weight == 0.0) return;
  std::vector<at::Tensor> leaves;
  for (const Group& group : groups_) leaves.push_back(group.leaf);
  (divergence.loss * options_.jsd_weight).backward({}, /*retain_graph=*/true, /*create_graph=*/false, leaves);
}

JointFlowTerms JointFlow::backward(const CancelToken& cancel) {
  double patches = 0.0;
  double values = 0.0;
  for (const Group& group : groups_) patches += static_cast<double>(group.windows.size());
  for (Group& group : groups_) {
    cancel.check();
    const at::Tensor gradient = group.leaf.grad();
    if (gradient.defined()) group.sample.backward(gradient);
    group.sample = at::Tensor();  // its graph is used up
    FlowContext context(*draws_, /*is_training=*/true);
    context.cancel = cancel;
    const double share = static_cast<double>(group.windows.size()) / patches;
    const at::Tensor loss = bits_per_dim(flow_->log_prob(group.crops, context), group.crops);
    terms_.mle += share * loss.item<double>();
    terms_.outside += group.outside * static_cast<double>(group.crops.numel());
    values += static_cast<double>(group.crops.numel());
    (loss * share).backward();
  }
  terms_.outside /= values;
  if (!std::isfinite(terms_.mle)) throw Error("NON_FINITE", "L_mle is not finite (" + std::to_string(terms_.mle) + ").");
  terms_.gradient_norm = adamax_.gradient_norm();
  if (!std::isfinite(terms_.gradient_norm)) throw Error("NON_FINITE", "The gradient of the flow is not finite.");
  return terms_;
}

void JointFlow::step(double learning_rate) {
  if (options_.clip_norm > 0 && terms_.gradient_norm > options_.clip_norm) {
    adamax_.scale_gradients(options_.clip_norm / terms_.gradient_norm);
  }
  adamax_.step(learning_rate);
  adamax_.zero_gradients();
  groups_.clear();
  statistics_.clear();
}

void JointFlow::abandon() {
  const c10::NoGradGuard no_grad;
  adamax_.zero_gradients();
  groups_.clear();
  for (const auto& [tensor, value] : statistics_) tensor.copy_(value);
  statistics_.clear();
}

}  // namespace densehybrid
