#include "models/state_dict.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_qr.h>
#include <ATen/ops/zeros.h>
#include <c10/core/GradMode.h>

#include <cmath>
#include <sstream>
#include <unordered_set>

#include "common/error.h"

namespace densehybrid {
namespace {

// A checkpoint may store a scalar counter with shape [1].
bool same_shape(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() || (a.numel() == 1 && b.numel() == 1);
}

std::string shape_text(const at::Tensor& tensor) {
  std::ostringstream text;
  text << tensor.sizes();
  return text.str();
}

}  // namespace

StateDict::StateDict(uint64_t seed, at::Device device, at::MemoryFormat format)
    : generator_(at::detail::createCPUGenerator(seed)), device_(device), format_(format) {}

void StateDict::add(const std::string& name, at::Tensor tensor, bool trainable) {
  if (index_.count(name) > 0) {
    throw Error("INVALID_ARGUMENT", "Two tensors of the model are called " + name + ".",
                "An imported module must not use the names logits_ood.* and torchscript.archive: rename them there.");
  }
  if (device_ != at::kCPU) tensor = tensor.to(device_);
  if (trainable) tensor.requires_grad_(true);
  index_.emplace(name, entries_.size());
  entries_.push_back({name, tensor, trainable, part_});
}

at::Tensor StateDict::add_conv_weight(const std::string& name, at::IntArrayRef shape, bool zero) {
  if (device_.is_meta()) {  // sizes alone: no values to draw
    add(name, at::empty(shape, at::TensorOptions().dtype(at::kFloat).device(device_), format_), true);
    return entries_.back().tensor;
  }
  const int64_t fan_in = shape[1] * shape[2] * shape[3];
  at::Tensor weight = at::zeros(shape, at::kFloat);
  if (!zero) weight.normal_(0.0, std::sqrt(2.0 / static_cast<double>(fan_in)), generator_);
  weight = weight.contiguous(format_);
  add(name, weight, true);
  return entries_.back().tensor;
}

at::Tensor StateDict::add_rotation(const std::string& name, int64_t size) {
  at::Tensor normal = at::empty({size, size}, at::kDouble).normal_(0.0, 1.0, generator_);
  add(name, std::get<0>(at::linalg_qr(normal)).to(at::kFloat).contiguous(), true);
  return entries_.back().tensor;
}

at::Tensor StateDict::add_constant(const std::string& name, at::IntArrayRef shape, double value, bool trainable) {
  add(name, at::full(shape, value, at::kFloat), trainable);
  return entries_.back().tensor;
}

at::Tensor StateDict::add_counter(const std::string& name) {
  add(name, at::zeros({}, at::kLong), false);
  return entries_.back().tensor;
}

const StateDict::Entry* StateDict::find(const std::string& name) const {
  const auto position = index_.find(name);
  return position == index_.end() ? nullptr : &entries_[position->second];
}

int64_t StateDict::parameter_count() const {
  int64_t count = 0;
  for (const Entry& entry : entries_) {
    if (entry.trainable) count += entry.tensor.numel();
  }
  return count;
}

LoadReport StateDict::check(const NamedTensors& source, bool strict) const {
  LoadReport report;
  std::unordered_set<std::string> names;
  for (const auto& [name, tensor] : source) {
    names.insert(name);
    const Entry* entry = find(name);
    if (entry == nullptr) {
      report.unexpected.push_back(name);
    } else if (!same_shape(entry->tensor, tensor)) {
      throw Error("ARCHITECTURE_MISMATCH", "Tensor " + name + " has shape " + shape_text(tensor) +
                                               " but this model needs " + shape_text(entry->tensor) + ".",
                  "Create the model with the architecture, options and number of classes that the weights belong to.");
    }
  }
  for (const Entry& entry : entries_) {
    if (names.count(entry.name) == 0) report.missing.push_back(entry.name);
  }
  if (strict && (!report.missing.empty() || !report.unexpected.empty())) {
    std::string message = "The weights do not belong to this model: " + std::to_string(report.missing.size()) +
                          " tensors are missing and " + std::to_string(report.unexpected.size()) + " are unexpected";
    if (!report.missing.empty()) message += "; first missing: " + report.missing.front();
    if (!report.unexpected.empty()) message += "; first unexpected: " + report.unexpected.front();
    throw Error("ARCHITECTURE_MISMATCH", message + ".", "Load with strict: false to take what matches.");
  }
  return report;
}

LoadReport StateDict::load(const NamedTensors& source, bool strict) {
  const LoadReport report = check(source, strict);
  const c10::NoGradGuard no_grad;
  for (const auto& [name, tensor] : source) {
    const Entry* entry = find(name);
    if (entry != nullptr) entry->tensor.copy_(tensor.reshape(entry->tensor.sizes()));
  }
  return report;
}

NamedTensors StateDict::named_tensors() const {
  NamedTensors tensors;
  tensors.reserve(entries_.size());
  for (const Entry& entry : entries_) tensors.emplace_back(entry.name, entry.tensor.detach());
  return tensors;
}

}  // namespace densehybrid
