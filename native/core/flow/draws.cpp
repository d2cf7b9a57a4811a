#include "flow/draws.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>

#include <sstream>

#include "common/error.h"

namespace densehybrid {
namespace {

at::Tensor placed(const at::Tensor& draw, const at::Tensor& like) {
  const at::Tensor moved = draw.to(like.device(), like.scalar_type());
  return moved.dim() == 4 ? moved.contiguous(at::MemoryFormat::ChannelsLast) : moved;
}

}  // namespace

Draws::Draws(uint64_t seed) : generator_(at::detail::createCPUGenerator(seed)) {}

Draws::Draws(std::vector<at::Tensor> given) : given_(std::move(given)) {}

at::Tensor Draws::uniform(at::IntArrayRef shape, const at::Tensor& like) {
  if (!generator_.defined()) return placed(next(shape), like);
  return placed(at::empty(shape, at::kFloat).uniform_(0.0, 1.0, generator_), like);
}

at::Tensor Draws::normal(at::IntArrayRef shape, const at::Tensor& like) {
  if (!generator_.defined()) return placed(next(shape), like);
  return placed(at::empty(shape, at::kFloat).normal_(0.0, 1.0, generator_), like);
}

at::Tensor Draws::next(at::IntArrayRef shape) {
  if (used_ == given_.size()) {
    throw Error("INVALID_ARGUMENT", "This pass needs more random draws than the " + std::to_string(used_) + " given.");
  }
  const at::Tensor draw = given_[used_++];
  if (draw.sizes() != shape) {
    std::ostringstream text;
    text << "Expected random draw " << used_ - 1 << " of shape " << shape << " but received " << draw.sizes() << ".";
    throw Error("INVALID_ARGUMENT", text.str());
  }
  return draw;
}

}  // namespace densehybrid
