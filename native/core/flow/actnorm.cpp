#include "flow/actnorm.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/exp.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/log.h>
#include <ATen/ops/std_mean.h>
#include <c10/core/GradMode.h>

namespace densehybrid {
namespace {

constexpr double kEps = 1e-6;  // keeps the scale of a constant channel finite

}  // namespace

ActNorm::ActNorm(StateDict& state, const std::string& prefix, int64_t channels)
    : prefix_(prefix),
      shift_(state.add_constant(prefix + "shift", {1, channels, 1, 1}, 0.0, true)),
      log_scale_(state.add_constant(prefix + "log_scale", {1, channels, 1, 1}, 0.0, true)),
      initialised_(state.add_constant(prefix + "initialized", {1}, 0.0, false)) {}

FlowStep ActNorm::forward(const at::Tensor& x, FlowContext& context) const {
  if (context.training && !initialised()) initialise(x);
  require_initialised();
  const double pixels = static_cast<double>(x.size(2) * x.size(3));
  const at::Tensor log_det = log_scale_.sum().to(at::kDouble) * -pixels;
  return {(x - shift_) * at::exp(-log_scale_), for_every_patch(log_det, x.size(0))};
}

at::Tensor ActNorm::inverse(const at::Tensor& z, FlowContext&) const {
  require_initialised();
  return shift_ + z * at::exp(log_scale_);
}

bool ActNorm::initialised() const { return initialised_.item<double>() != 0.0; }

void ActNorm::reset() const {
  const c10::NoGradGuard no_grad;
  for (const at::Tensor& tensor : {shift_, log_scale_, initialised_}) tensor.zero_();
}

void ActNorm::initialise(const at::Tensor& x) const {
  const c10::NoGradGuard no_grad;
  if (x.size(0) * x.size(2) * x.size(3) < 2) {
    throw Error("INVALID_ARGUMENT",
                "Initialising a flow needs more than one value per channel but the batch leaves only one.",
                "Use more or larger patches.");
  }
  const auto [deviation, mean] = at::std_mean(x.detach(), {0, 2, 3}, /*correction=*/1, /*keepdim=*/true);
  if (!at::isfinite(mean).all().item<bool>() || !at::isfinite(deviation).all().item<bool>()) {
    throw Error("NON_FINITE", "The flow cannot be initialised: the values before " + prefix_ + " are not finite.");
  }
  shift_.copy_(mean);
  log_scale_.copy_(at::log(deviation + kEps));
  initialised_.fill_(1.0);
}

void ActNorm::require_initialised() const {
  if (initialised()) return;
  throw Error("INVALID_ARGUMENT", "This flow is not initialised: it has no likelihood and cannot be sampled.",
              "Initialise it from a batch of patches, train it, or load a checkpoint.");
}

}  // namespace densehybrid
