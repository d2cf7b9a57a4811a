#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/GradMode.h>

#include <map>
#include <optional>
#include <string>

#include "common/cancel.h"
#include "models/state_dict.h"
#include "models/weight_cache.h"
#include "ops/pointwise_conv/pointwise_conv.h"

namespace densehybrid {

// Which parts of a network a training step leaves as they are: weights, and the running statistics of norms.
enum class Freeze { nothing, backbone, all_but_head };

// What a forward pass needs beside its input.
struct ForwardContext {
  bool training = false;               // BatchNorm uses and updates batch statistics, Dropout drops
  double batch_norm_momentum = 0.01;   // the authors' value for every norm of the ladder networks
  Freeze freeze = Freeze::nothing;
  bool checkpointing = false;  // blocks keep their input alone and run again in the backward pass, see checkpoint.h
  bool recomputing = false;    // this is that second run: running statistics stay as the first left them
  uint64_t seed = 0;           // of Dropout
  CancelToken cancel;
  std::map<std::string, at::Tensor>* probes = nullptr;  // intermediate activations by name, when wanted

  void probe(const std::string& name, const at::Tensor& value) const {
    if (probes != nullptr) (*probes)[name] = value;
  }
};

// May a layer take its path without gradients, where norms and activations are fused into the passes around them? In
// training never; else on the CPU, in channels_last.
bool takes_fused_path(const at::Tensor& x, const ForwardContext& context);

// The dtype in which the matrix products of maps in `dtype`, float32 or bf16, run on this CPU. Without a matrix unit for
// bf16 (AMX) they run in float32: the vector instructions for bf16 were half as fast on a Xeon of the Sapphire Rapids
// generation, and the conversion costs little where the map passes through the caches anyway.
at::ScalarType product_dtype(at::ScalarType dtype);

// TensorFlow pads "same" asymmetrically at stride 2 (one more at the bottom and right); PyTorch pads both sides alike.
enum class Padding { torch, same };

enum class Activation { none, relu, relu6 };

struct ConvSpec {
  int64_t in = 0;
  int64_t out = 0;
  int64_t kernel = 1;
  int64_t stride = 1;
  int64_t dilation = 1;
  int64_t groups = 1;
  bool bias = false;
  Padding padding = Padding::torch;  // torch: dilation · (kernel − 1) / 2 on every side
  bool zero = false;                 // initial weights 0
};

// Convolution in the dtype of its input; the float32 weights are cast when that is bf16.
class Conv2d {
 public:
  Conv2d(StateDict& state, const std::string& name, const ConvSpec& spec);
  // The activation follows in place.
  at::Tensor forward(const at::Tensor& x, Activation activation = Activation::none) const;

  // after(conv(before(x)) + addend) without gradients, in `out` when that is given; the bias is left to `after`. Only a
  // 1×1 convolution takes an addend.
  at::Tensor fused(const at::Tensor& x, const PointwiseSurroundings& around, at::Tensor out = {}) const;
  // The bias and an activation as an `after`.
  NormRelu bias_map(float low, float high = NormRelu::kInfinity) const { return NormRelu(bias_, low, high); }
  bool has_bias() const { return bias_.defined(); }
  const at::Tensor& weight() const { return weight_; }
  const at::Tensor& bias() const { return bias_; }

 private:
  bool plain(int64_t kernel) const {
    return spec_.kernel == kernel && spec_.stride == 1 && spec_.groups == 1 && (spec_.dilation == 1 || kernel == 1);
  }
  at::Tensor cast_weight(at::ScalarType dtype) const;
  // A convolution that is not a matrix product; `convolve` gets the input and its padding on every side.
  template <typename Convolve>
  at::Tensor with_padding(const at::Tensor& x, Convolve convolve) const;

  ConvSpec spec_;
  WeightCache cast_;
  WeightCache winograd_;
  at::Tensor weight_;
  at::Tensor bias_;
};

// BatchNorm2d with eps 1e-5. Statistics are float32 whatever the input is.
class BatchNorm2d {
 public:
  BatchNorm2d(StateDict& state, const std::string& name, int64_t channels);
  at::Tensor forward(const at::Tensor& x, const ForwardContext& context) const;
  // The norm with its running statistics and an activation.
  NormRelu map(float low = 0.0f, float high = NormRelu::kInfinity) const;

 private:
  at::Tensor weight_;
  at::Tensor bias_;
  at::Tensor running_mean_;
  at::Tensor running_var_;
  at::Tensor batches_;
};

// The pre-activation unit of DenseNet and of the ladder: BatchNorm → ReLU → convolution, named <name>.norm, <name>.conv.
class NormReluConv {
 public:
  NormReluConv(StateDict& state, const std::string& norm, const std::string& conv, const ConvSpec& spec);
  NormReluConv(StateDict& state, const std::string& name, const ConvSpec& spec)
      : NormReluConv(state, name + ".norm", name + ".conv", spec) {}
  at::Tensor forward(const at::Tensor& x, const ForwardContext& context) const;
  // Only the running statistics of the norm follow x (for a head whose output nobody uses).
  void update_statistics(const at::Tensor& x, const ForwardContext& context) const;

  const BatchNorm2d& norm() const { return norm_; }
  const Conv2d& conv() const { return conv_; }

 private:
  BatchNorm2d norm_;
  Conv2d conv_;
};

// The unit of ResNet, MobileNet and of atrous pooling: convolution → BatchNorm → activation. Without a norm (folded into
// the convolution, for inference) the convolution has a bias.
class ConvNormActivation {
 public:
  ConvNormActivation(StateDict& state, const std::string& conv, const std::string& norm, ConvSpec spec,
                     Activation activation, bool batch_norm = true);
  at::Tensor forward(const at::Tensor& x, const ForwardContext& context) const;
  const Conv2d& conv() const { return *conv_; }

 private:
  std::optional<BatchNorm2d> norm_;
  std::optional<Conv2d> conv_;  // always there; made after the constructor's body knows whether it needs a bias
  Activation activation_;
};

// Dropout of whole channels (Dropout2d), in training alone. `layer` tells layers apart that draw from one seed; the same
// seed and layer drop the same channels.
at::Tensor dropout_channels(const at::Tensor& x, double probability, uint64_t layer, const ForwardContext& context);

// Bilinear resizing of N×C×h×w to `height`×`width`.
at::Tensor resize_bilinear(const at::Tensor& x, int64_t height, int64_t width, bool align_corners = false);

// Runs a part of a network on x. A frozen part is in evaluation mode, and has no graph unless x itself wants a gradient.
template <typename Part>
auto run_part(bool frozen, const at::Tensor& x, const ForwardContext& context, Part part) {
  if (!frozen || !context.training) return part(context);
  ForwardContext fixed = context;
  fixed.training = false;
  std::optional<c10::NoGradGuard> no_gradient;
  if (!x.requires_grad()) no_gradient.emplace();
  return part(fixed);
}

}  // namespace densehybrid
