#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <vector>

namespace densehybrid {

// The random numbers of one pass through a flow: from a generator with a seed, or tensors that are given in the order in
// which the pass asks for them. A generator draws float32 on the CPU, so that a seed means the same on every device.
class Draws {
 public:
  explicit Draws(uint64_t seed);
  explicit Draws(std::vector<at::Tensor> given);

  // U[0, 1) and N(0, 1) of this shape, in dtype and device of `like`, channels_last where it has four dimensions.
  at::Tensor uniform(at::IntArrayRef shape, const at::Tensor& like);
  at::Tensor normal(at::IntArrayRef shape, const at::Tensor& like);

 private:
  at::Tensor next(at::IntArrayRef shape);

  std::vector<at::Tensor> given_;
  size_t used_ = 0;
  at::Generator generator_;  // undefined when the tensors are given
};

}  // namespace densehybrid
