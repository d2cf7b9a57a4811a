#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "models/layers.h"

namespace densehybrid {

// A piece of a network, from one map to one map. It must outlive the backward pass and give the same values when it runs
// again: layers do, they draw nothing but by the context's seed.
using Block = std::function<at::Tensor(const at::Tensor&, const ForwardContext&)>;

// block(x). In training with context.checkpointing nothing of what the block computes is kept but its output: the
// backward pass runs it again from x (Chen et al., "Training Deep Nets with Sublinear Memory Cost", 2016). Gradients are
// those of the plain run, running statistics are updated once.
// `parameter`: any trained tensor of the block; a backward pass that does not ask for it leaves all of the block's alone.
at::Tensor run_checkpointed(const at::Tensor& x, const at::Tensor& parameter, const ForwardContext& context,
                            const Block& block);

}  // namespace densehybrid
