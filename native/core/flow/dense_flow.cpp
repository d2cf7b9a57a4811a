#include "flow/dense_flow.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/abs.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/log.h>
#include <c10/core/GradMode.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "flow/actnorm.h"
#include "flow/squeeze.h"

namespace densehybrid {
namespace {

constexpr int64_t kColours = 3;

const FlowConfig& checked(const FlowConfig& config) {
  check_flow_config(config);
  return config;
}

}  // namespace

DenseFlow::DenseFlow(const FlowConfig& config) : config_(checked(config)), state_(config.seed, config.device) {
  if (config.variational) {
    dequantization_ = std::make_unique<VariationalDequantization>(state_, "transforms.0.", 4, 64);
  } else {
    dequantization_ = std::make_unique<UniformDequantization>(state_, "transforms.0.");
  }
  shift_ = state_.add_constant("transforms.1._shift", {}, -0.5, false);
  scale_ = state_.add_constant("transforms.1._scale", {}, 1.0, false);
  bijections_.push_back(std::make_unique<Squeeze>());
  int64_t channels = 4 * kColours;
  for (size_t i = 0; i < config.units.size(); ++i) {
    if (i > 0) {
      bijections_.push_back(std::make_unique<Transition>(state_, "transforms." + std::to_string(2 * i + 2) + "."));
      channels *= 2;
    }
    const DenseBlockSpec spec{.channels = channels,
                              .units = config.units[i],
                              .layers = config.layers[i],
                              .growth = config.growth,
                              .net = {.mid = config.mid[i],
                                      .depth = config.net_depth,
                                      .growth = config.net_growth,
                                      .attention = config.attention}};
    auto block = std::make_unique<DenseBlock>(state_, "transforms." + std::to_string(2 * i + 3) + ".", spec);
    channels = block->channels();
    norms_.insert(norms_.end(), block->norms().begin(), block->norms().end());
    bijections_.push_back(std::move(block));
  }
  base_ = std::make_unique<ConvNormal>(state_, "base_dist.", channels);
}

DenseFlow::Encoding DenseFlow::encode(const at::Tensor& images, FlowContext& context) const {
  check_size(images.size(2), images.size(3));
  if (!context.training && !initialised()) norms_.front()->require_initialised();
  const at::Tensor x = images.to(shift_.device(), shift_.scalar_type()).contiguous(at::MemoryFormat::ChannelsLast);
  size_t index = 0;
  const auto probe = [&](const FlowStep& step) {
    context.probe("transform" + std::to_string(index), step.value);
    context.probe("log_det" + std::to_string(index), step.log_det);
    ++index;
  };
  FlowStep step = dequantization_->forward(x, context);
  probe(step);
  const at::Tensor continuous = step.value;
  at::Tensor log_prob = step.log_det;

  const double dimensions = static_cast<double>(x.numel() / x.size(0));
  step = {continuous * scale_ + shift_, for_every_patch(at::log(at::abs(scale_)) * dimensions, x.size(0))};
  log_prob = log_prob + step.log_det;
  probe(step);
  for (const auto& bijection : bijections_) {
    step = bijection->forward(step.value, context);
    log_prob = log_prob + step.log_det;
    probe(step);
  }
  return {step.value, log_prob + base_->log_prob(step.value), continuous};
}

at::Tensor DenseFlow::decode(const at::Tensor& z, FlowContext& context) const {
  at::Tensor x = z;
  for (size_t i = bijections_.size(); i-- > 0;) x = bijections_[i]->inverse(x, context);
  return (x - shift_) / scale_;
}

at::Tensor DenseFlow::sample(int64_t n, int64_t height, int64_t width, FlowContext& context) const {
  check_size(height, width);
  return decode(base_->sample(n, height / reduction(), width / reduction(), context.draws), context);
}

at::Tensor DenseFlow::initialise(const at::Tensor& images, Draws& draws, const CancelToken& cancel) const {
  const c10::NoGradGuard no_grad;
  for (const ActNorm* norm : norms_) norm->reset();
  FlowContext context(draws, /*is_training=*/true);
  context.cancel = cancel;
  return log_prob(images, context);
}

bool DenseFlow::initialised() const {
  return std::all_of(norms_.begin(), norms_.end(), [](const ActNorm* norm) { return norm->initialised(); });
}

DenseFlow::ReconstructionError DenseFlow::reconstruction_error(const at::Tensor& images, Draws& draws,
                                                               const CancelToken& cancel) const {
  const c10::NoGradGuard no_grad;
  std::vector<at::Tensor> dropped;
  FlowContext context(draws);
  context.cancel = cancel;
  context.dropped = &dropped;
  const Encoding encoding = encode(images, context);
  std::reverse(dropped.begin(), dropped.end());
  Draws replay(dropped);
  FlowContext back(replay);
  back.cancel = cancel;
  const at::Tensor error = (decode(encoding.z, back) - encoding.continuous).abs() * 256.0;
  const ReconstructionError result{error.max().item<double>(), error.mean().item<double>()};
  if (!std::isfinite(result.mean)) throw Error("NON_FINITE", "The flow's values on these patches are not finite.");
  return result;
}

void DenseFlow::check_size(int64_t height, int64_t width) const {
  if (height > 0 && width > 0 && height % reduction() == 0 && width % reduction() == 0) return;
  throw Error("INVALID_ARGUMENT", "Expected patches whose height and width are multiples of " +
                                      std::to_string(reduction()) + " but received " + std::to_string(height) + "×" +
                                      std::to_string(width) + ".");
}

at::Tensor bits_per_dim(const at::Tensor& log_prob, const at::Tensor& images) {
  return log_prob.sum() / (-std::numbers::ln2 * static_cast<double>(images.numel()));
}

ImagePatch to_image(const at::Tensor& continuous) {
  const at::Tensor image = continuous * (256.0 / 255.0) - 0.5 / 255.0;
  const at::Tensor values = continuous.detach();
  const double outside = ((values < 0.0) | (values >= 1.0)).to(at::kFloat).mean().item<double>();
  return {at::clamp(image, 0.0, 1.0), outside};
}

}  // namespace densehybrid
