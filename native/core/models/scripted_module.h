#pragma once

#include <torch/csrc/jit/api/module.h>

#include <memory>
#include <string>
#include <vector>

#include "io/safetensors.h"

namespace densehybrid {

// A TorchScript module as the networks of this package see it: float32 weights that can be trained and stored by name.
class ScriptedModule {
 public:
  struct Slot {
    std::string name;  // as in PyTorch's state dict
    at::Tensor tensor;
    bool trainable;
  };

  // A file that torch.jit.save wrote. Throws Error NOT_FOUND, INVALID_FILE (no TorchScript; operators that this build does
  // not have; operators that read or write files, which are refused by name) or NON_FINITE weights as INVALID_FILE.
  static ScriptedModule from_file(const std::string& path, at::Device device);
  // What archive() gave, with the weights by name; tensors of other names are left aside.
  static ScriptedModule from_archive(const std::string& archive, const NamedTensors& weights, at::Device device);

  // The module without its weights: code, constants and everything that is no tensor.
  std::string archive() const;
  const std::vector<Slot>& slots() const { return slots_; }
  std::string weights_dtype() const { return weights_dtype_; }  // of the file, e.g. "F16"
  // Do norms and dropout follow a training mode, or did tracing fix them?
  bool has_training_mode() const { return has_training_mode_; }

  // From now on run() gives a tuple (output, output of the submodule at `path`, e.g. "backbone.layer4"). Throws Error
  // INVALID_ARGUMENT where forward() does not call it, naming what it calls.
  void capture(const std::string& path);

  // forward(image). Throws Error INVALID_ARGUMENT with the interpreter's message.
  c10::IValue run(const at::Tensor& image, bool training) const;

 private:
  ScriptedModule(torch::jit::Module module, const std::string& origin);
  void collect_slots();
  void move_to(at::Device device);
  void check_finite(const std::string& origin) const;

  mutable torch::jit::Module module_;
  std::shared_ptr<torch::jit::Function> with_capture_;
  std::vector<Slot> slots_;
  std::string weights_dtype_ = "F32";
  bool has_training_mode_ = false;
};

}  // namespace densehybrid
