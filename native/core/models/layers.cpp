#include "models/layers.h"

#include <ATen/cpu/Utils.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/addmm.h>
#include <ATen/ops/batch_norm.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/hardtanh.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <c10/core/GradMode.h>

#include <algorithm>

#include "models/pad.h"
#include "ops/tensor_view.h"
#include "ops/winograd_conv/winograd_conv.h"

namespace densehybrid {
namespace {

constexpr double kEps = 1e-5;

}  // namespace

bool takes_fused_path(const at::Tensor& x, const ForwardContext& context) {
  return !context.training && !c10::GradMode::is_enabled() && has_cpu_kernel(x) && is_pixel_matrix(x) && x.numel() > 0;
}

Conv2d::Conv2d(StateDict& state, const std::string& name, const ConvSpec& spec)
    : spec_(spec), weight_(state.add_conv_weight(name + ".weight", {spec.out, spec.in / spec.groups, spec.kernel, spec.kernel}, spec.zero)) {
  if (spec.bias) bias_ = state.add_constant(name + ".bias", {spec.out}, 0.0, true);
}

at::Tensor Conv2d::forward(const at::Tensor& x, Activation activation) const {
  // The activation comes before any permute: autograd copies whole tensors for an in-place change of a view.
  const auto activate = [&](at::Tensor y) {
    if (activation == Activation::none) return y;
    return activation == Activation::relu ? at::relu_(y) : at::hardtanh_(y, 0.0, 6.0);
  };
  const at::Tensor weight = weight_.to(x.scalar_type());
  const at::Tensor bias = bias_.defined() ? bias_.to(x.scalar_type()) : bias_;
  if (plain(1) && x.device().is_cpu() && x.is_contiguous(at::MemoryFormat::ChannelsLast)) {
    // In channels_last a 1×1 convolution is one matrix product over all pixels, without the copies of the general path.
    const at::Tensor pixels = x.permute({0, 2, 3, 1}).reshape({-1, spec_.in});
    const at::Tensor matrix = weight.view({spec_.out, spec_.in}).t();
    const at::Tensor y = activate(bias.defined() ? at::addmm(bias, pixels, matrix) : at::mm(pixels, matrix));
    return y.view({x.size(0), x.size(2), x.size(3), spec_.out}).permute({0, 3, 1, 2});
  }
  return with_padding(x, [&](const at::Tensor& input, int64_t padding) {
    return activate(
        at::conv2d(input, weight, bias, {spec_.stride, spec_.stride}, {padding, padding},
                   {spec_.dilation, spec_.dilation}, spec_.groups));
  });
}

at::ScalarType product_dtype(at::ScalarType dtype) {
  static const bool matrix_unit = at::cpu::init_amx();  // false where the processor or the system has none
  return matrix_unit ? dtype : at::kFloat;
}

at::Tensor Conv2d::cast_weight(at::ScalarType dtype) const {
  if (weight_.scalar_type() == dtype) return weight_.detach();
  return cast_.get(weight_, dtype, [dtype](const at::Tensor& weight) { return weight.to(dtype); });
}

at::Tensor Conv2d::fused(const at::Tensor& x, const PointwiseSurroundings& around, at::Tensor out) const {
  const auto allocate = [&](at::IntArrayRef sizes) {
    return at::empty(sizes, x.options(), at::MemoryFormat::ChannelsLast);
  };
  const bool matrix_product = plain(1);
  const at::ScalarType dtype = product_dtype(x.scalar_type());
  const bool winograd = plain(3) && dtype == at::kFloat && winograd_fits(spec_.in, spec_.out);
  if (!out.defined() && (matrix_product || winograd)) out = allocate({x.size(0), spec_.out, x.size(2), x.size(3)});
  if (matrix_product) {
    pointwise_conv(x, cast_weight(dtype).view({spec_.out, spec_.in}), around, out);
    return out;
  }
  at::Tensor input = x;
  if (around.before != nullptr) {
    input = allocate(x.sizes());
    norm_relu(x, *around.before, input);
  }
  if (winograd) {
    winograd_conv(input, winograd_.get(weight_, at::kFloat, winograd_weight), out, around.after);
    return out;
  }
  const at::Tensor weight = cast_weight(x.scalar_type());
  const at::Tensor y = with_padding(input, [&](const at::Tensor& padded, int64_t padding) {
    return at::conv2d(padded, weight, {}, {spec_.stride, spec_.stride}, {padding, padding},
                      {spec_.dilation, spec_.dilation}, spec_.groups);
  });
  if (out.defined()) out.copy_(y);
  else out = y.contiguous(at::MemoryFormat::ChannelsLast);
  if (around.after != nullptr) norm_relu(out, *around.after, out);
  return out;
}

template <typename Convolve>
at::Tensor Conv2d::with_padding(const at::Tensor& x, Convolve convolve) const {
  const int64_t reach = spec_.dilation * (spec_.kernel - 1);  // the kernel covers reach + 1 pixels
  if (spec_.padding == Padding::torch || spec_.kernel == 1) return convolve(x, reach / 2);
  const auto total = [&](int64_t extent) {
    const int64_t outputs = (extent + spec_.stride - 1) / spec_.stride;
    return std::max<int64_t>((outputs - 1) * spec_.stride + reach + 1 - extent, 0);
  };
  const int64_t rows = total(x.size(2));
  const int64_t columns = total(x.size(3));
  if (rows == columns && rows % 2 == 0) return convolve(x, rows / 2);
  return convolve(pad_channels_last(x, columns / 2, columns - columns / 2, rows / 2, rows - rows / 2), 0);
}

BatchNorm2d::BatchNorm2d(StateDict& state, const std::string& name, int64_t channels)
    : weight_(state.add_constant(name + ".weight", {channels}, 1.0, true)),
      bias_(state.add_constant(name + ".bias", {channels}, 0.0, true)),
      running_mean_(state.add_constant(name + ".running_mean", {channels}, 0.0, false)),
      running_var_(state.add_constant(name + ".running_var", {channels}, 1.0, false)),
      batches_(state.add_counter(name + ".num_batches_tracked")) {}

at::Tensor BatchNorm2d::forward(const at::Tensor& x, const ForwardContext& context) const {
  if (context.training) {
    if (x.size(0) * x.size(2) * x.size(3) < 2) {
      throw Error("INVALID_ARGUMENT",
                  "BatchNorm in training needs more than one value per channel but the batch leaves only one.",
                  "Use a batch of at least 2 images, or larger crops.");
    }
    if (context.recomputing) return at::batch_norm(x, weight_, bias_, {}, {}, true, context.batch_norm_momentum, kEps, true);
    batches_.add_(1);
  }
  return at::batch_norm(x, weight_, bias_, running_mean_, running_var_, context.training,
                        context.batch_norm_momentum, kEps, true);
}

NormRelu BatchNorm2d::map(float low, float high) const {
  return NormRelu(weight_, bias_, running_mean_, running_var_, kEps, low, high);
}

NormReluConv::NormReluConv(StateDict& state, const std::string& norm, const std::string& conv, const ConvSpec& spec)
    : norm_(state, norm, spec.in), conv_(state, conv, spec) {}

at::Tensor NormReluConv::forward(const at::Tensor& x, const ForwardContext& context) const {
  if (takes_fused_path(x, context)) {
    const NormRelu before = norm_.map();
    if (!conv_.has_bias()) return conv_.fused(x, {.before = &before});
    const NormRelu bias = conv_.bias_map(-NormRelu::kInfinity);
    return conv_.fused(x, {.before = &before, .after = &bias});
  }
  return conv_.forward(norm_.forward(x, context).relu_());
}

void NormReluConv::update_statistics(const at::Tensor& x, const ForwardContext& context) const {
  const c10::NoGradGuard no_grad;
  norm_.forward(x, context);
}

ConvNormActivation::ConvNormActivation(StateDict& state, const std::string& conv, const std::string& norm,
                                       ConvSpec spec, Activation activation, bool batch_norm)
    : activation_(activation) {
  spec.bias = !batch_norm;
  conv_.emplace(state, conv, spec);
  if (batch_norm) norm_.emplace(state, norm, spec.out);
}

at::Tensor ConvNormActivation::forward(const at::Tensor& x, const ForwardContext& context) const {
  if (takes_fused_path(x, context)) {
    const float low = activation_ == Activation::none ? -NormRelu::kInfinity : 0.0f;
    const float high = activation_ == Activation::relu6 ? 6.0f : NormRelu::kInfinity;
    const NormRelu after = norm_ ? norm_->map(low, high) : conv_->bias_map(low, high);
    return conv_->fused(x, {.after = &after});
  }
  if (!norm_) return conv_->forward(x, activation_);
  at::Tensor y = norm_->forward(conv_->forward(x), context);
  if (activation_ == Activation::relu) return at::relu_(y);
  return activation_ == Activation::relu6 ? at::hardtanh_(y, 0.0, 6.0) : y;
}

at::Tensor dropout_channels(const at::Tensor& x, double probability, uint64_t layer, const ForwardContext& context) {
  if (!context.training || probability == 0.0) return x;
  const at::Generator generator = at::detail::createCPUGenerator(context.seed * 0x9E3779B97F4A7C15ull + layer);
  const double kept = 1.0 - probability;
  at::Tensor mask = at::empty({x.size(0), x.size(1), 1, 1}, at::kFloat).bernoulli_(kept, generator).div_(kept);
  return x * mask.to(x.device(), x.scalar_type());
}

at::Tensor resize_bilinear(const at::Tensor& x, int64_t height, int64_t width, bool align_corners) {
  if (x.size(2) == height && x.size(3) == width) return x;
  return at::upsample_bilinear2d(x, {height, width}, align_corners, std::nullopt, std::nullopt);
}

}  // namespace densehybrid
