#pragma once

#include <memory>
#include <string>

#include "models/segmentation_model.h"
#include "ops/hybrid_loss/hybrid_loss.h"
#include "training/adam.h"

namespace densehybrid {

struct TrainerOptions {
  bool hybrid = false;  // false: L_cls only, and the open-set head is left alone
  HybridLossOptions loss;
  AdamOptions adam;
  double clip_norm = 0.0;  // of the global gradient; 0 = off
  double batch_norm_momentum = 0.01;
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
};

// Trains a model. Holds it exclusively: a second trainer on one model is refused (BUSY).
class Trainer {
 public:
  Trainer(std::shared_ptr<SegmentationModel> model, const TrainerOptions& options);
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  // Forward, backward, Adam. When loss or gradient is not finite (NON_FINITE), or the job is cancelled, the weights,
  // moments and running statistics are what they were before the step.
  StepResult step(const at::Tensor& images, const at::Tensor& labels, double learning_rate, bool want_gradients,
                  const CancelToken& cancel);

  int64_t steps() const { return steps_; }
  // One atomic file: model.<name>, exp_avg.<name>, exp_avg_sq.<name>, step.<name>; steps join the metadata.
  void save(const std::string& path, Metadata metadata) const;
  Metadata load(const std::string& path);

 private:
  void snapshot_statistics();
  void restore_statistics();

  std::shared_ptr<SegmentationModel> model_;
  TrainerOptions options_;
  Adam adam_;
  int64_t steps_ = 0;
  std::vector<at::Tensor> statistics_;  // the model's buffers
  std::vector<at::Tensor> saved_statistics_;
};

}  // namespace densehybrid
