#pragma once

#include <memory>
#include <vector>

#include "flow/dense_flow.h"
#include "models/segmentation_model.h"
#include "training/adamax.h"

namespace densehybrid {

// A rectangle of one image of a batch, in pixels.
struct Window {
  int64_t image = 0;
  int64_t top = 0;
  int64_t left = 0;
  int64_t height = 0;
  int64_t width = 0;
};

struct JointFlowOptions {
  AdamaxOptions adamax;
  double jsd_weight = 0.03;           // λ
  bool through_segmentation = false;  // does L train the flow, too, through the pasted pixels?
  double clip_norm = 0.0;             // of the flow's gradient; 0 = off
};

// What a step did with the flow.
struct JointFlowTerms {
  double mle = 0.0;            // L_mle of the replaced crops, bits per dimension
  double jsd = 0.0;            // L_jsd, mean over the pasted pixels
  double gradient_norm = 0.0;  // of the flow, before clipping
  double outside = 0.0;        // share of sampled values that left the image's range and were clamped
};

// The flow's part of a training step: L_flow = L_mle + λ · L_jsd (METHOD §4). Holds the flow exclusively.
//
// The samples are pasted as leaves of their own, so that the graphs of flow and segmenter meet in one tensor: L_jsd sends
// its gradient through the segmenter to the leaf without touching the segmenter's parameters, and from the leaf it goes
// on into the flow.
class JointFlow {
 public:
  // Throws Error: BUSY where the flow has a trainer; INVALID_ARGUMENT where it is not initialised.
  JointFlow(std::shared_ptr<DenseFlow> flow, const JointFlowOptions& options);
  ~JointFlow();
  JointFlow(const JointFlow&) = delete;
  JointFlow& operator=(const JointFlow&) = delete;

  // One step: draw → paste → (forward pass of the segmenter) → backward → step, or abandon at any point.
  // `images` N×H×W×3 bytes; throws INVALID_ARGUMENT for a window outside of them or of a size that the flow cannot sample.
  void draw(const at::Tensor& images, const std::vector<Window>& windows, uint64_t seed, const CancelToken& cancel);
  // Into x, the prepared images N×3×H×W, in place.
  void paste(const SegmentationModel& model, at::Tensor x) const;
  // λ · L_jsd to the pasted leaves; keeps the graph of `logits`, N×K×h×w, which are resized as `align_corners` says.
  void backward_jsd(const at::Tensor& logits, bool align_corners);
  // From the leaves into the flow, and L_mle. Throws NON_FINITE.
  JointFlowTerms backward(const CancelToken& cancel);
  void step(double learning_rate);
  void abandon();

  bool through_segmentation() const { return options_.through_segmentation; }
  DenseFlow& flow() const { return *flow_; }
  Adamax& adamax() { return adamax_; }
  const Adamax& adamax() const { return adamax_; }

 private:
  // Windows of one size: their samples are drawn together.
  struct Group {
    std::vector<Window> windows;
    at::Tensor crops;   // n×3×h×w bytes: what the samples replace
    at::Tensor sample;  // n×3×h×w in [0, 1], with the flow's graph
    at::Tensor leaf;    // the same values
    double outside = 0.0;
  };

  std::shared_ptr<DenseFlow> flow_;
  JointFlowOptions options_;
  Adamax adamax_;
  std::vector<Group> groups_;
  at::Tensor mask_;  // N×H×W, 1 in the windows
  JointFlowTerms terms_;
  std::vector<std::pair<at::Tensor, at::Tensor>> statistics_;  // of the flow, and what they were before the step
  std::unique_ptr<Draws> draws_;
};

}  // namespace densehybrid
