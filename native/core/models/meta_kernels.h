#pragma once

#include <torch/library.h>

namespace densehybrid {

// The operators of the networks for which libtorch has no kernel on the device Meta in C++: sizes without values. Kernels
// for it are there while an object of this class lives, one at a time.
class MetaKernels {
 public:
  MetaKernels();
  MetaKernels(const MetaKernels&) = delete;
  MetaKernels& operator=(const MetaKernels&) = delete;

  // Of the convolutions that this thread has run on Meta since it was last set; a multiplication and its addition are two.
  static double& convolution_flops();

 private:
  torch::Library library_;
};

}  // namespace densehybrid
