#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/segmentation_model.h"
#include "ops/hybrid_loss/hybrid_loss.h"
#include "training/adam.h"
#include "training/joint_flow.h"

namespace densehybrid {

struct TrainerOptions {
  bool hybrid = false;  // false: L_cls only, and the open-set head is left alone
  HybridLossOptions loss;
  AdamOptions adam;
  double clip_norm = 0.0;  // of the global gradient; 0 = off
  double batch_norm_momentum = 0.01;
  Freeze freeze = Freeze::nothing;
  bool checkpointing = false;  // recompute activations in the backward pass: less memory, about a third more time
  at::ScalarType precision = at::kFloat;  // of activations; weights, statistics and losses stay float32
};

struct StepResult {
  double total = 0.0;
  double cls = 0.0;
  double x = 0.0;
  double d = 0.0;
  double gradient_norm = 0.0;
  SegmentationModel::Output output;  // of the forward pass, detached
  NamedTensors gradients;            // only when asked for
  std::optional<JointFlowTerms> flow;
};

// The images and labels of a step, and where the flow's samples go: the labels name these pixels negative already.
struct TrainingBatch {
  at::Tensor images;  // N×H×W×3 bytes, or prepared floats N×3×H×W
  at::Tensor labels;  // N×H×W
  std::vector<Window> windows;
  uint64_t seed = 0;  // of the samples
};

struct LearningRates {
  double model = 0.0;
  double flow = 0.0;
};

// Trains a model. Holds it exclusively: a second trainer on one model is refused (BUSY).
class Trainer {
 public:
  // With a flow it trains both together (JointFlow).
  Trainer(std::shared_ptr<SegmentationModel> model, const TrainerOptions& options,
          std::unique_ptr<JointFlow> flow = nullptr);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Forward, backward, Adam. When loss or gradient is not finite (NON_FINITE), or the job is cancelled, the weights,
  // moments and running statistics are what they were before the step. The flow takes a step where there are windows.
  StepResult step(const TrainingBatch& batch, const LearningRates& rates, bool want_gradients, const CancelToken& cancel);

  int64_t steps() const { return steps_; }
  // One atomic file: model.<name>, exp_avg.<name>, exp_avg_sq.<name>, step.<name>; steps join the metadata. Of a flow
  // flow.<name>, flow_optimizer.exp_avg.<name>, …
  void save(const std::string& path, Metadata metadata) const;
  Metadata load(const std::string& path);

 private:
  void snapshot_statistics();
  void restore_statistics();
  // Gradients of the objective; with windows also those of the flow.
  void backward(const TrainingBatch& batch, StepResult& result, const CancelToken& cancel);

  std::shared_ptr<SegmentationModel> model_;
  TrainerOptions options_;
  Adam adam_;
  std::unique_ptr<JointFlow> flow_;
  int64_t steps_ = 0;
  std::vector<at::Tensor> statistics_;  // the model's buffers
  std::vector<at::Tensor> saved_statistics_;
};

}  // namespace densehybrid
