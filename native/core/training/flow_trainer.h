#pragma once

#include <memory>

#include "flow/dense_flow.h"
#include "training/adamax.h"

namespace densehybrid {

struct FlowTrainerOptions {
  AdamaxOptions adamax;
  double clip_norm = 0.0;  // of the global gradient; 0 = off
};

struct FlowStepResult {
  double bits_per_dim = 0.0;
  double gradient_norm = 0.0;  // before clipping
  NamedTensors gradients;      // only when asked for
};

// Trains a flow by maximum likelihood. Holds it exclusively: a second trainer on one flow is refused (BUSY).
class FlowTrainer {
 public:
  FlowTrainer(std::shared_ptr<DenseFlow> flow, const FlowTrainerOptions& options);
  ~FlowTrainer();
  FlowTrainer(const FlowTrainer&) = delete;
  FlowTrainer& operator=(const FlowTrainer&) = delete;

  // One step on L_mle = −ln p in bits per dimension. The first one initialises a flow that is not. When loss or gradient
  // is not finite (NON_FINITE), or the job is cancelled, parameters, moments and statistics are what they were before.
  FlowStepResult step(const at::Tensor& images, Draws& draws, double learning_rate, bool want_gradients,
                      const CancelToken& cancel);

  int64_t steps() const { return steps_; }
  // One atomic file: flow.<name>, exp_avg.<name>, exp_inf.<name>, step.<name>; steps join the metadata.
  void save(const std::string& path, Metadata metadata) const;
  Metadata load(const std::string& path);

 private:
  std::shared_ptr<DenseFlow> flow_;
  FlowTrainerOptions options_;
  Adamax adamax_;
  int64_t steps_ = 0;
};

}  // namespace densehybrid
