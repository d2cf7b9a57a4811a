#include "op_arguments.h"

#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>

#include "errors.h"

namespace densehybrid::addon {
namespace {

// logits N×K×h×w and oodLogits N×2×h×w of one dtype.
void check_logits(Napi::Env env, const TensorView& logits, const TensorView& ood_logits, std::initializer_list<at::ScalarType> dtypes) {
  check_dtype(env, logits, 4, dtypes, "logits");
  check_dtype(env, ood_logits, 4, {logits.dtype}, "oodLogits");
  const auto& a = logits.shape;
  const auto& b = ood_logits.shape;
  if (a[0] < 1 || a[1] < 1 || a[1] > 254 || a[2] < 1 || a[3] < 1 || b[0] != a[0] || b[1] != 2 || b[2] != a[2] ||
      b[3] != a[3]) {
    throw_invalid(env, "Expected logits N×K×h×w with K from 1 to 254 and oodLogits N×2×h×w of the same size.");
  }
}

}  // namespace

void check_dtype(Napi::Env env, const TensorView& view, size_t rank, std::initializer_list<at::ScalarType> dtypes,
                 const char* name) {
  bool known = false;
  for (const at::ScalarType dtype : dtypes) known = known || view.dtype == dtype;
  if (!known || view.shape.size() != rank) throw_invalid(env, std::string("Wrong type or rank of ") + name + ".");
}

ScoreArguments score_arguments(const Napi::CallbackInfo& call, std::vector<Napi::ObjectReference>& references) {
  const TensorView logits = tensor_argument(call[0], "logits", references);
  const TensorView ood_logits = tensor_argument(call[1], "oodLogits", references);
  check_logits(call.Env(), logits, ood_logits, {at::kFloat});
  return {logits, ood_logits, score_options(required_object(call[2], "options"))};
}

LossArguments loss_arguments(const Napi::CallbackInfo& call, std::vector<Napi::ObjectReference>& references) {
  const TensorView logits = tensor_argument(call[0], "logits", references);
  const TensorView ood_logits = tensor_argument(call[1], "oodLogits", references);
  const TensorView labels = tensor_argument(call[2], "labels", references);
  check_logits(call.Env(), logits, ood_logits, {at::kFloat, at::kDouble});
  check_dtype(call.Env(), labels, 3, {at::kByte, at::kInt}, "labels");
  if (labels.shape[0] != logits.shape[0]) throw_invalid(call.Env(), "logits and labels differ in batch size.");
  return {logits, ood_logits, labels, loss_options(required_object(call[3], "options"))};
}

LossResult loss_and_gradients(const at::Tensor& logits, const at::Tensor& ood_logits, const at::Tensor& labels,
                              const HybridLossOptions& options, const CancelToken& cancel) {
  const c10::AutoGradMode with_gradients(true);
  const at::Tensor s = logits.detach().requires_grad_(true);
  const at::Tensor g = ood_logits.detach().requires_grad_(true);
  const HybridLossTerms terms = hybrid_loss(s, g, labels, options);
  cancel.check();
  if (terms.total.requires_grad()) terms.total.backward();
  return {terms.total.item<double>(), terms.cls.item<double>(), terms.x.item<double>(),
          terms.d.item<double>(),     gradient_of(s),           gradient_of(g)};
}

Napi::Value to_js(Napi::Env env, LossResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("total", result.total);
  object.Set("cls", result.cls);
  object.Set("x", result.x);
  object.Set("d", result.d);
  object.Set("gradLogits", to_js(env, result.grad_logits));
  object.Set("gradOodLogits", to_js(env, result.grad_ood_logits));
  return object;
}

at::Tensor gradient_of(const at::Tensor& leaf) {
  return leaf.grad().defined() ? leaf.grad().contiguous() : at::zeros_like(leaf.detach());
}

}  // namespace densehybrid::addon
