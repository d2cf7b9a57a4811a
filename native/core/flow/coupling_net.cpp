#include "flow/coupling_net.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/sigmoid.h>

#include "ops/gate/gate.h"

namespace densehybrid {

GatedConv::GatedConv(StateDict& state, const std::string& prefix, int64_t in, int64_t out, int64_t kernel)
    : conv_(state, prefix + "conv", {.in = in, .out = 3 * out, .kernel = kernel, .bias = true}) {}

at::Tensor GatedConv::forward(const at::Tensor& x) const {
  const std::vector<at::Tensor> parts = conv_.forward(x).chunk(3, 1);
  return at::addcmul(parts[0], parts[1], at::sigmoid(parts[2]));
}

at::Tensor GatedConv::fused(const at::Tensor& x, const at::Tensor& residual) const {
  const at::Tensor parts = conv_.fused(x, {});
  const at::Tensor y = at::empty({parts.size(0), parts.size(1) / 3, parts.size(2), parts.size(3)}, parts.options(),
                                 at::MemoryFormat::ChannelsLast);
  gate(parts, conv_.bias(), residual, y);
  return y;
}

DenseLayers::DenseLayers(StateDict& state, const std::string& prefix, int64_t in, int64_t out, int64_t depth,
                         int64_t growth)
    : in_(in), growth_(growth) {
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
  if (takes_fused_path(x, context)) {
    const at::Tensor all = features(x);
    all.narrow(1, 0, in_).copy_(x);
    return fused(all, {});
  }
  at::Tensor seen = x;
  for (const Layer& layer : layers_) {
    const at::Tensor grown = layer.grow.forward(layer.widen.forward(seen, Activation::relu), Activation::relu);
    seen = at::cat({seen, grown}, 1);
  }
  return gate_.front().forward(seen);
}

at::Tensor DenseLayers::features(const at::Tensor& like) const {
  const int64_t channels = in_ + static_cast<int64_t>(layers_.size()) * growth_;
  return at::empty({like.size(0), channels, like.size(2), like.size(3)}, like.options(), at::MemoryFormat::ChannelsLast);
}

at::Tensor DenseLayers::fused(const at::Tensor& features, const at::Tensor& residual) const {
  int64_t channels = in_;
  for (const Layer& layer : layers_) {
    const NormRelu widen = layer.widen.bias_map(0.0f);
    const NormRelu grow = layer.grow.bias_map(0.0f);
    const at::Tensor wide = layer.widen.fused(features.narrow(1, 0, channels), {.after = &widen});
    layer.grow.fused(wide, {.after = &grow}, features.narrow(1, channels, growth_));
    channels += growth_;
  }
  return gate_.front().fused(features, residual);
}

CouplingNet::CouplingNet(StateDict& state, const std::string& prefix, const CouplingNetSpec& spec)
    : mid_(spec.mid),
      first_(state, prefix + "transform.0", {.in = spec.in, .out = spec.mid, .bias = true}),
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
  if (!attention_ && takes_fused_path(x, context)) return fused(x);
  const at::Tensor hidden = first_.forward(x);
  const at::Tensor dense = dense_.forward(hidden, context);
  if (!attention_) return last_.forward(hidden + dense);
  const at::Tensor both = at::cat({attention_->heads.forward(hidden), dense}, 1);
  return last_.forward(attention_->mix.forward(attention_->norm.forward(both, context).relu_()));
}

at::Tensor CouplingNet::fused(const at::Tensor& x) const {
  const NormRelu first = first_.bias_map(-NormRelu::kInfinity);
  const NormRelu last = last_.bias_map(-NormRelu::kInfinity);
  const at::Tensor features = dense_.features(x);
  const at::Tensor hidden = features.narrow(1, 0, mid_);
  first_.fused(x, {.after = &first}, hidden);
  return last_.fused(dense_.fused(features, hidden), {.after = &last});
}

}  // namespace densehybrid
