#include "flow/coupling_net.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/sigmoid.h>

namespace densehybrid {
namespace {

at::Tensor conv_relu(const Conv2d& conv, const at::Tensor& x, const ForwardContext& context) {
  if (!takes_fused_path(x, context)) return conv.forward(x, Activation::relu);
  const NormRelu bias = conv.bias_map(0.0f);
  return conv.fused(x, {.after = &bias});
}

}  // namespace

GatedConv::GatedConv(StateDict& state, const std::string& prefix, int64_t in, int64_t out, int64_t kernel)
    : conv_(state, prefix + "conv", {.in = in, .out = 3 * out, .kernel = kernel, .bias = true}) {}

at::Tensor GatedConv::forward(const at::Tensor& x) const {
  const std::vector<at::Tensor> parts = conv_.forward(x).chunk(3, 1);
  return at::addcmul(parts[0], parts[1], at::sigmoid(parts[2]));
}

DenseLayers::DenseLayers(StateDict& state, const std::string& prefix, int64_t in, int64_t out, int64_t depth,
                         int64_t growth) {
  int64_t channels = in;
  for (int64_t i = 0; i < depth; ++i) {
    const std::string name = prefix + std::to_string(i) + ".nn.";
    Conv2d widen(state, name + "0", {.in = channels, .out = channels, .bias = true});
    Conv2d grow(state, name + "2", {.in = channels, .out = growth, .kernel = 3, .bias = true});
    layers_.push_back({std::move(widen), std::move(grow)});
    channels += growth;
  }
  gate_.emplace_back(state, prefix + std::to_string(depth) + ".", channels, out);
}

at::Tensor DenseLayers::forward(const at::Tensor& x, const ForwardContext& context) const {
  at::Tensor features = x;
  for (const Layer& layer : layers_) {
    const at::Tensor grown = conv_relu(layer.grow, conv_relu(layer.widen, features, context), context);
    features = at::cat({features, grown}, 1);
  }
  return gate_.front().forward(features);
}

CouplingNet::CouplingNet(StateDict& state, const std::string& prefix, const CouplingNetSpec& spec)
    : first_(state, prefix + "transform.0", {.in = spec.in, .out = spec.mid, .bias = true}),
      dense_(state, prefix + "transform.1.dense.", spec.mid, spec.mid, spec.depth, spec.growth),
      attention_(spec.attention
                     ? std::optional<Attention>(Attention{
                           {state, prefix + "transform.1.mha.", spec.mid, spec.mid / 2},
                           {state, prefix + "transform.1.mix_conv.0", 2 * spec.mid},
                           {state, prefix + "transform.1.mix_conv.2", {.in = 2 * spec.mid, .out = spec.mid}}})
                     : std::nullopt),
      last_(state, prefix + "transform.2", {.in = spec.mid, .out = spec.out, .bias = true, .zero = true}) {}

at::Tensor CouplingNet::forward(const at::Tensor& x, const ForwardContext& context) const {
  context.cancel.check();
  const at::Tensor hidden = first_.forward(x);
  const at::Tensor dense = dense_.forward(hidden, context);
  if (!attention_) return last_.forward(hidden + dense);
  const at::Tensor both = at::cat({attention_->heads.forward(hidden), dense}, 1);
  return last_.forward(attention_->mix.forward(attention_->norm.forward(both, context).relu_()));
}

}  // namespace densehybrid
