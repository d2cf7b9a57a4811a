#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <string>
#include <unordered_map>
#include <vector>

#include "io/safetensors.h"

namespace densehybrid {

struct LoadReport {
  std::vector<std::string> missing;     // in the model, not in the source
  std::vector<std::string> unexpected;  // in the source, not in the model
};

// Where in a network a tensor belongs: what is frozen, and which learning rate it has.
enum class Part { backbone, decoder, open_set_head };

// The named parameters (trained) and buffers (running statistics) of a model, in order of creation. Layers hold the
// same tensors; the values are only ever changed in place.
class StateDict {
 public:
  struct Entry {
    std::string name;
    at::Tensor tensor;
    bool trainable;
    Part part;
  };

  // `format` is the memory format of convolution weights; it should be that of the activations.
  StateDict(uint64_t seed, at::Device device, at::MemoryFormat format = at::MemoryFormat::ChannelsLast);

  // What is added from now on belongs to this part; at first to the decoder.
  void begin(Part part) { part_ = part; }

  // Convolution weight [out, in/groups, kh, kw], He-normal initialised: N(0, 2 / fan), fan = fan-in as DenseNet's; or 0.
  at::Tensor add_conv_weight(const std::string& name, at::IntArrayRef shape, bool zero = false);
  // Square matrix, a random rotation: |det| = 1.
  at::Tensor add_rotation(const std::string& name, int64_t size);
  at::Tensor add_constant(const std::string& name, at::IntArrayRef shape, double value, bool trainable);
  at::Tensor add_counter(const std::string& name);  // int64 scalar
  // A tensor that something else made, and keeps using.
  void add_existing(const std::string& name, const at::Tensor& tensor, bool trainable) { add(name, tensor, trainable); }
  at::Device device() const { return device_; }

  const std::vector<Entry>& entries() const { return entries_; }
  const Entry* find(const std::string& name) const;
  int64_t parameter_count() const;

  // What `load` would report or throw, without changing anything.
  LoadReport check(const NamedTensors& source, bool strict) const;

  // Copies values in. A tensor of the right name but another shape is always an error; names that do not match are
  // reported, and are an error when `strict`. Nothing changes unless everything fits.
  LoadReport load(const NamedTensors& source, bool strict);
  NamedTensors named_tensors() const;

 private:
  void add(const std::string& name, at::Tensor tensor, bool trainable);

  std::vector<Entry> entries_;
  std::unordered_map<std::string, size_t> index_;
  at::Generator generator_;
  at::Device device_;
  at::MemoryFormat format_;
  Part part_ = Part::decoder;
};

}  // namespace densehybrid
