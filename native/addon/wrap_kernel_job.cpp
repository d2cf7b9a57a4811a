#include "wrap_kernel_job.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <c10/core/InferenceMode.h>

#include <optional>

#include "addon_data.h"
#include "errors.h"
#include "op_arguments.h"

namespace densehybrid::addon {
namespace {

using JobPointer = std::shared_ptr<KernelJob>;

// Where a job's tensors lie: { device, precision }.
struct Setting {
  at::Device device = at::kCPU;
  at::ScalarType dtype = at::kFloat;

  at::Tensor logits(const TensorView& view) const { return copy(view).to(dtype); }
  at::Tensor copy(const TensorView& view) const { return view.tensor().clone().to(device); }
  void synchronize() const {
    if (device.is_cuda()) at::detail::getCUDAHooks().deviceSynchronize(device.index());
  }
};

Setting setting_argument(const Napi::Value& value) {
  const Napi::Object options = required_object(value, "setting");
  return {device_argument(options), precision_option(options)};
}

at::Tensor to_host(const at::Tensor& tensor) { return tensor.to(at::kCPU).contiguous(); }

Napi::Value submit(Napi::Env env, std::vector<Napi::ObjectReference> references, std::function<KernelJob()> make) {
  return run_async<JobPointer>(
      env, std::move(references), nullptr,
      [make = std::move(make)](const CancelToken&) { return std::make_shared<KernelJob>(make()); },
      [](Napi::Env js, JobPointer& job) -> Napi::Value {
        return AddonData::of(js).kernel_job_constructor.New({Napi::External<JobPointer>::New(js, &job)});
      });
}

}  // namespace

void KernelJobWrap::define(Napi::Env env) {
  const Napi::Function constructor =
      DefineClass(env, "NativeKernelJob",
                  {InstanceMethod<&KernelJobWrap::run>("run"), InstanceMethod<&KernelJobWrap::result>("result"),
                   InstanceMethod<&KernelJobWrap::dispose>("dispose")});
  AddonData::of(env).kernel_job_constructor = Napi::Persistent(constructor);
}

KernelJobWrap::KernelJobWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<KernelJobWrap>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) throw_invalid(info.Env(), "Use prepareHybridScore or prepareHybridLoss.");
  job_ = *info[0].As<Napi::External<JobPointer>>().Data();
}

Napi::Value KernelJobWrap::prepare_score(const Napi::CallbackInfo& info) {
  std::vector<Napi::ObjectReference> references;
  const ScoreArguments arguments = score_arguments(info, references);
  const Setting setting = setting_argument(info[3]);
  return submit(info.Env(), std::move(references), [=] {
    const at::Tensor logits = setting.logits(arguments.logits);
    const at::Tensor ood_logits = setting.logits(arguments.ood_logits);
    const auto last = std::make_shared<HybridScoreResult>();
    return KernelJob{
        [=, options = arguments.options] {
          const c10::InferenceMode inference;
          *last = {};  // its memory is free for this run
          *last = hybrid_score(logits, ood_logits, options, {});
        },
        [=] { setting.synchronize(); },
        [last](Napi::Env env) {
          HybridScoreResult host = *last;
          host.labels = to_host(host.labels);
          for (auto& [name, map] : host.scores) map = to_host(map);
          return to_js(env, host);
        }};
  });
}

Napi::Value KernelJobWrap::prepare_loss(const Napi::CallbackInfo& info) {
  std::vector<Napi::ObjectReference> references;
  const LossArguments arguments = loss_arguments(info, references);
  const Setting setting = setting_argument(info[4]);
  return submit(info.Env(), std::move(references), [=] {
    const at::Tensor logits = setting.logits(arguments.logits);
    const at::Tensor ood_logits = setting.logits(arguments.ood_logits);
    const at::Tensor labels = setting.copy(arguments.labels);
    const auto last = std::make_shared<LossResult>();
    return KernelJob{
        [=, options = arguments.options] {
          *last = {};
          *last = loss_and_gradients(logits, ood_logits, labels, options, {});
        },
        [=] { setting.synchronize(); },
        [last](Napi::Env env) {
          LossResult host = *last;
          host.grad_logits = to_host(host.grad_logits);
          host.grad_ood_logits = to_host(host.grad_ood_logits);
          return to_js(env, host);
        }};
  });
}

JobPointer KernelJobWrap::job(Napi::Env env) const {
  if (!job_) throw to_js_error(env, {"DISPOSED", "This job was disposed.", ""});
  return job_;
}

Napi::Value KernelJobWrap::run(const Napi::CallbackInfo& info) {
  const auto job = this->job(info.Env());
  const double times = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : 0;
  if (!(times >= 1)) throw_invalid(info.Env(), "Expected a number of runs.");
  return run_async<Nothing>(
      info.Env(), {}, nullptr,
      [job, times](const CancelToken& cancel) {
        for (double i = 0; i < times; ++i) {
          cancel.check();
          job->run();
        }
        job->synchronize();
        return Nothing{};
      },
      undefined);
}

Napi::Value KernelJobWrap::result(const Napi::CallbackInfo& info) {
  return run_async<JobPointer>(
      info.Env(), {}, nullptr, [job = this->job(info.Env())](const CancelToken&) { return job; },
      [](Napi::Env env, JobPointer& job) { return job->result(env); });
}

Napi::Value KernelJobWrap::dispose(const Napi::CallbackInfo& info) {
  job_.reset();
  return info.Env().Undefined();
}

}  // namespace densehybrid::addon
