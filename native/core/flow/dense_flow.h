#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "flow/conv_normal.h"
#include "flow/dense_block.h"
#include "flow/dequantization.h"
#include "flow/flow_config.h"
#include "flow/transition.h"

namespace densehybrid {

// p(x) of image patches (Grcić, Grubišić & Šegvić 2021): dequantisation → −0.5 → squeeze → [dense block → transition]* →
// normal base. Every operation keeps the graph, so both the likelihood and a continuous sample train the flow.
//
// Two ranges of values: `images` are N×3×H×W whole numbers 0…255 of any dtype; `continuous` values are those before
// quantisation, N×3×H×W, nominally in [0, 1), which ⌊256·z⌋ makes bytes. H and W are multiples of `reduction()`.
class DenseFlow {
 public:
  explicit DenseFlow(const FlowConfig& config);

  struct Encoding {
    at::Tensor z;           // at the base, N×C×H/reduction×W/reduction
    at::Tensor log_prob;    // N, float64, nats
    at::Tensor continuous;  // the dequantised images
  };
  // Draws: dequantisation first, then the noise between units, in order.
  Encoding encode(const at::Tensor& images, FlowContext& context) const;
  // The inverse. Draws: the channels that left at transitions, the deepest first. Continuous values.
  at::Tensor decode(const at::Tensor& z, FlowContext& context) const;

  // A lower bound of ln p(x) in nats for every patch, N, float64.
  at::Tensor log_prob(const at::Tensor& images, FlowContext& context) const { return encode(images, context).log_prob; }
  // n continuous patches of any size. Draws: the base, then as `decode`.
  at::Tensor sample(int64_t n, int64_t height, int64_t width, FlowContext& context) const;

  // Sets every ActNorm from these images (and BatchNorm statistics), whatever it was; ln p(x) of that pass.
  at::Tensor initialise(const at::Tensor& images, Draws& draws, const CancelToken& cancel = {}) const;
  bool initialised() const;

  // |x − f⁻¹(f(x))| of the dequantised images, in grey levels (1/256).
  struct ReconstructionError {
    double max = 0.0;
    double mean = 0.0;
  };
  ReconstructionError reconstruction_error(const at::Tensor& images, Draws& draws, const CancelToken& cancel = {}) const;

  StateDict& state() { return state_; }
  const StateDict& state() const { return state_; }
  const FlowConfig& config() const { return config_; }
  int64_t reduction() const { return config_.reduction(); }

  // A flow has one trainer at a time: true when the caller got it.
  bool acquire_for_training() { return !in_training_.exchange(true); }
  void release_from_training() { in_training_.store(false); }

 private:
  void check_size(int64_t height, int64_t width) const;

  FlowConfig config_;
  StateDict state_;
  std::unique_ptr<ConvNormal> base_;
  std::unique_ptr<Dequantization> dequantization_;
  at::Tensor shift_;
  at::Tensor scale_;
  std::vector<std::unique_ptr<Bijection>> bijections_;  // squeeze, dense block, transition, dense block, …
  std::vector<const ActNorm*> norms_;
  std::atomic<bool> in_training_ = false;
};

// −Σ ln p / (ln 2 · all dimensions): the mean over the patches, bits per dimension. Keeps the graph of `log_prob`.
at::Tensor bits_per_dim(const at::Tensor& log_prob, const at::Tensor& images);

// A continuous sample as it is pasted into an image in [0, 1]: (256·z − ½)/255, the mean over a grey level, clamped.
// `outside` is the share of values that were clamped; these pass no gradient.
struct ImagePatch {
  at::Tensor image;
  double outside = 0.0;
};
ImagePatch to_image(const at::Tensor& continuous);

}  // namespace densehybrid
