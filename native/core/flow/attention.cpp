#include "flow/attention.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/softmax.h>

#include <cmath>

#include "common/error.h"

namespace densehybrid {
namespace {

// Approximate pseudo-inverse of L×L matrices by Newton–Schulz iterations of third order.
at::Tensor iterative_inverse(const at::Tensor& k) {
  constexpr int kIterations = 6;
  const at::Tensor one = at::eye(k.size(-1), k.options());
  const at::Tensor norm = k.sum(-2).amax(-1) * k.sum(-1).amax(-1);  // of positive matrices: ‖K‖₁ · ‖K‖_∞
  at::Tensor v = k.transpose(-1, -2) / norm.view({-1, 1, 1});
  for (int i = 0; i < kIterations; ++i) {
    const at::Tensor kv = at::matmul(k, v);
    v = at::matmul(v * 0.25, one * 13.0 - at::matmul(kv, one * 15.0 - at::matmul(kv, one * 7.0 - kv)));
  }
  return v;
}

at::Tensor row_softmax(const at::Tensor& a, const at::Tensor& b) {
  return at::softmax(at::matmul(a, b.transpose(-1, -2)), -2);
}

}  // namespace

NystromAttention::NystromAttention(StateDict& state, const std::string& prefix, int64_t channels, int64_t embedding)
    : embedding_(embedding),
      qkv_(state, prefix + "qkv", {.in = channels, .out = 3 * embedding, .bias = true}),
      out_(state, prefix + "out_transform", {.in = embedding, .out = channels, .bias = true}) {}

at::Tensor NystromAttention::forward(const at::Tensor& x) const {
  const int64_t n = x.size(0);
  const int64_t pixels = x.size(2) * x.size(3);
  if (pixels % kLandmarks != 0) {
    throw Error("INVALID_ARGUMENT", "Attention needs maps whose number of pixels is a multiple of " +
                                        std::to_string(kLandmarks) + " but the deepest has " +
                                        std::to_string(x.size(2)) + "×" + std::to_string(x.size(3)) + ".");
  }
  const std::vector<at::Tensor> parts = qkv_.forward(x).contiguous().view({n, pixels, 3 * embedding_}).chunk(3, -1);
  const at::Tensor &q = parts[0], &k = parts[1], &v = parts[2];
  const auto landmarks = [&](const at::Tensor& t) {
    return t.reshape({n, kLandmarks, pixels / kLandmarks, embedding_}).mean(2) / std::sqrt(static_cast<double>(pixels));
  };
  const at::Tensor ql = landmarks(q);
  const at::Tensor kl = landmarks(k);
  const at::Tensor attended =
      at::matmul(at::matmul(row_softmax(q, kl), iterative_inverse(row_softmax(ql, kl))), at::matmul(row_softmax(ql, k), v));
  const at::Tensor y = (attended + v).reshape({n, embedding_, x.size(2), x.size(3)});
  return out_.forward(y.contiguous(at::MemoryFormat::ChannelsLast));
}

}  // namespace densehybrid
