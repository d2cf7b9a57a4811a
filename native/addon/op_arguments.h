#pragma once

#include "common/cancel.h"
#include "convert.h"
#include "score_options.h"

namespace densehybrid::addon {

void check_dtype(Napi::Env env, const TensorView& view, size_t rank, std::initializer_list<at::ScalarType> dtypes,
                 const char* name);

// (logits, oodLogits, options, …): float32 N×K×h×w and N×2×h×w.
struct ScoreArguments {
  TensorView logits;
  TensorView ood_logits;
  HybridScoreOptions options;
};
ScoreArguments score_arguments(const Napi::CallbackInfo& call, std::vector<Napi::ObjectReference>& references);

// (logits, oodLogits, labels, options, …): also float64; labels N×H×W.
struct LossArguments {
  TensorView logits;
  TensorView ood_logits;
  TensorView labels;
  HybridLossOptions options;
};
LossArguments loss_arguments(const Napi::CallbackInfo& call, std::vector<Napi::ObjectReference>& references);

struct LossResult {
  double total, cls, x, d;
  at::Tensor grad_logits, grad_ood_logits;
};
LossResult loss_and_gradients(const at::Tensor& logits, const at::Tensor& ood_logits, const at::Tensor& labels,
                              const HybridLossOptions& options, const CancelToken& cancel);
Napi::Value to_js(Napi::Env env, LossResult& result);

// The gradient of a leaf; zeros where nothing reached it.
at::Tensor gradient_of(const at::Tensor& leaf);

}  // namespace densehybrid::addon
