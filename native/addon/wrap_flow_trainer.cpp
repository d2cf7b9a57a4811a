#include "wrap_flow_trainer.h"

#include "addon_data.h"
#include "draws_argument.h"
#include "errors.h"
#include "wrap_flow.h"

namespace densehybrid::addon {
namespace {

using TrainerPointer = std::shared_ptr<FlowTrainer>;

FlowTrainerOptions trainer_options(const Napi::Object& object) {
  return {adamax_options(object), required_number(object, "clipNorm")};
}

}  // namespace

AdamaxOptions adamax_options(const Napi::Object& options) {
  const Napi::Value betas = options.Get("betas");
  if (!betas.IsArray() || betas.As<Napi::Array>().Length() != 2) throw_invalid(options.Env(), "Expected two numbers for betas.");
  AdamaxOptions result;
  result.beta1 = betas.As<Napi::Array>().Get(0u).ToNumber().DoubleValue();
  result.beta2 = betas.As<Napi::Array>().Get(1u).ToNumber().DoubleValue();
  result.eps = required_number(options, "eps");
  return result;
}

void FlowTrainerWrap::define(Napi::Env env) {
  const Napi::Function constructor = DefineClass(
      env, "NativeFlowTrainer",
      {InstanceMethod<&FlowTrainerWrap::step>("step"), InstanceAccessor<&FlowTrainerWrap::steps>("steps"),
       InstanceMethod<&FlowTrainerWrap::save>("save"), InstanceMethod<&FlowTrainerWrap::load>("load"),
       InstanceMethod<&FlowTrainerWrap::dispose>("dispose")});
  AddonData::of(env).flow_trainer_constructor = Napi::Persistent(constructor);
}

FlowTrainerWrap::FlowTrainerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FlowTrainerWrap>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) throw_invalid(info.Env(), "Use createFlowTrainer to make a trainer.");
  trainer_ = *info[0].As<Napi::External<TrainerPointer>>().Data();
}

Napi::Value FlowTrainerWrap::create(const Napi::CallbackInfo& info) {
  const auto flow = FlowWrap::from(info[0]);
  const FlowTrainerOptions options = trainer_options(required_object(info[1], "options"));
  TrainerPointer trainer;
  try {
    trainer = std::make_shared<FlowTrainer>(flow, options);
  } catch (const Error&) {
    throw to_js_error(info.Env(), describe_current_exception());
  }
  return AddonData::of(info.Env())
      .flow_trainer_constructor.New({Napi::External<TrainerPointer>::New(info.Env(), &trainer)});
}

TrainerPointer FlowTrainerWrap::trainer(Napi::Env env) const {
  if (!trainer_) throw to_js_error(env, {"DISPOSED", "This trainer was disposed.", ""});
  return trainer_;
}

Napi::Value FlowTrainerWrap::step(const Napi::CallbackInfo& info) {
  std::vector<Napi::ObjectReference> references;
  const TensorView patches = patches_argument(info[0], references);
  const Napi::Object options = required_object(info[1], "options");
  const double learning_rate = required_number(options, "learningRate");
  const bool want_gradients = optional_bool(options, "gradients", false);
  const auto make_draws = draws_argument(options, references);
  const uint8_t* flag = cancel_argument(info[2], references);
  const auto trainer = this->trainer(info.Env());
  return run_async<FlowStepResult>(
      info.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        Draws draws = make_draws();
        return trainer->step(as_images(patches), draws, learning_rate, want_gradients, cancel);
      },
      [want_gradients](Napi::Env env, FlowStepResult& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("bitsPerDim", result.bits_per_dim);
        object.Set("gradNorm", result.gradient_norm);
        if (want_gradients) object.Set("gradients", to_js(env, result.gradients));
        return object;
      });
}

Napi::Value FlowTrainerWrap::steps(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(trainer(info.Env())->steps()));
}

Napi::Value FlowTrainerWrap::save(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw_invalid(info.Env(), "Expected a string for path.");
  const std::string path = info[0].As<Napi::String>();
  const Metadata metadata = metadata_argument(info[1]);
  const auto trainer = this->trainer(info.Env());
  return run_async<Nothing>(
      info.Env(), {}, nullptr,
      [=](const CancelToken&) {
        trainer->save(path, metadata);
        return Nothing{};
      },
      undefined);
}

Napi::Value FlowTrainerWrap::load(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw_invalid(info.Env(), "Expected a string for path.");
  const std::string path = info[0].As<Napi::String>();
  const auto trainer = this->trainer(info.Env());
  return run_async<Metadata>(
      info.Env(), {}, nullptr, [=](const CancelToken&) { return trainer->load(path); },
      [](Napi::Env env, Metadata& metadata) -> Napi::Value { return to_js(env, metadata); });
}

Napi::Value FlowTrainerWrap::dispose(const Napi::CallbackInfo& info) {
  trainer_.reset();
  return info.Env().Undefined();
}

}  // namespace densehybrid::addon
