#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

namespace densehybrid {

// What a convolution derives from its weight (a cast, a transform), without gradient. It is kept until the weight
// changes: every change in place, by an optimiser or by loading, raises the version of a tensor. Thread-safe.
class WeightCache {
 public:
  WeightCache();
  // make(weight), in `dtype`
  at::Tensor get(const at::Tensor& weight, at::ScalarType dtype,
                 const std::function<at::Tensor(const at::Tensor&)>& make) const;

 private:
  struct Kept;
  std::shared_ptr<Kept> kept_;
};

}  // namespace densehybrid
