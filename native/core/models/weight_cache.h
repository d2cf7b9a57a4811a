#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

namespace densehybrid {

// What a layer derives from its weights (a cast, a transform, a product), without gradient. It is kept until one of them
// changes: every change in place, by an optimiser or by loading, raises the version of a tensor. Thread-safe.
class WeightCache {
 public:
  WeightCache();
  // make(), in `dtype`; it sees these weights, and no others
  at::Tensor get(at::ArrayRef<at::Tensor> weights, at::ScalarType dtype, const std::function<at::Tensor()>& make) const;
  // make(weight), in `dtype`
  at::Tensor get(const at::Tensor& weight, at::ScalarType dtype,
                 const std::function<at::Tensor(const at::Tensor&)>& make) const;

 private:
  struct Kept;
  std::shared_ptr<Kept> kept_;
};

}  // namespace densehybrid
