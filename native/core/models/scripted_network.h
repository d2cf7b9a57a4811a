#pragma once

#include <memory>
#include <optional>
#include <string>

#include "models/network.h"
#include "models/scripted_module.h"
#include "models/segmentation_model.h"

namespace densehybrid {

// Where an imported module's outputs are, and what it expects.
struct ScriptedOptions {
  std::string logits;    // key of a dict or index of a tuple or list; empty: the only tensor, or the key logits or out
  std::string features;  // the same, or the path of a submodule; empty: the open-set head sits on the logits
  bool bgr = false;
  int64_t pad_to = 0;  // images are padded to multiples of it; 0: found by trying
  int64_t input_height = 0;  // images are resized to this size; 0: any size
  int64_t input_width = 0;
};

// What a few runs of a module showed.
struct ScriptedReport {
  int64_t channels = 0;          // of the logits
  double stride = 0.0;           // input rows per row of the logits
  int64_t feature_channels = 0;  // 0: no features
  double feature_stride = 0.0;
  int64_t pad_to = 1;
  bool trainable = false;        // does a gradient reach its weights?
  bool training_mode = false;    // do norms and dropout follow a training mode?
  std::string weights_dtype;     // as stored; weights are float32 from then on
  std::string output;            // what forward() returns, in words
};

// A TorchScript module with the open-set head of DenseHybrid on its features or, without these, on its logits.
class ScriptedNetwork : public Network {
 public:
  // Adds the module's tensors, its archive (torchscript.archive) and the head's tensors to `state`. Throws Error
  // INVALID_ARGUMENT where the module does not give logits of `classes` channels for images of different sizes.
  // `archive`: module.archive(), or the one that the module came from.
  ScriptedNetwork(StateDict& state, ScriptedModule module, const std::string& archive, const ScriptedOptions& options,
                  int64_t classes);
  NetworkOutput forward(const at::Tensor& image, const ForwardContext& context) const override;
  const ScriptedReport& report() const { return report_; }

 private:
  struct Maps {
    at::Tensor logits;
    at::Tensor features;  // undefined without features
  };
  Maps run(const at::Tensor& image, bool training) const;
  Maps run_checked(const at::Tensor& image, bool training) const;
  Maps pick(const c10::IValue& output) const;
  void probe(int64_t classes, at::Device device);

  ScriptedModule module_;
  ScriptedOptions options_;
  bool captures_ = false;
  std::optional<NormReluConv> ood_logits_;
  ScriptedReport report_;
};

// `config.options` says what ScriptedOptions hold: logits, features, channels (rgb or bgr), padTo, inputHeight, inputWidth,
// alignCorners. padTo is replaced by the one that was found.
struct ScriptedModel {
  std::unique_ptr<SegmentationModel> model;
  ScriptedReport report;
};
ScriptedModel create_scripted_model(ModelConfig config, ScriptedModule module, const std::string& archive);
// From the tensors of a checkpoint.
ScriptedModel create_scripted_model(ModelConfig config, const NamedTensors& checkpoint);

}  // namespace densehybrid
