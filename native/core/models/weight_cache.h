#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

namespace densehybrid {

// A convolution weight in the dtype of the activations, without gradient. A cast is kept until the weight changes:
// every change in place, by an optimiser or by loading, raises the version of a tensor. Thread-safe.
class WeightCache {
 public:
  WeightCache();
  at::Tensor get(const at::Tensor& weight, at::ScalarType dtype) const;

 private:
  struct Kept;
  std::shared_ptr<Kept> kept_;
};

}  // namespace densehybrid
