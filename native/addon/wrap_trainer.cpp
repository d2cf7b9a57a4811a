#include "wrap_trainer.h"

#include "addon_data.h"
#include "errors.h"
#include "score_options.h"
#include "wrap_flow.h"
#include "wrap_flow_trainer.h"
#include "wrap_model.h"

namespace densehybrid::addon {
namespace {

using TrainerPointer = std::shared_ptr<Trainer>;

Freeze freeze_option(const Napi::Object& object) {
  const Napi::Value value = object.Get("freeze");
  if (value.IsUndefined()) return Freeze::nothing;
  const std::string name = required_string(object, "freeze");
  if (name == "backbone") return Freeze::backbone;
  if (name == "all-but-head") return Freeze::all_but_head;
  throw_invalid(object.Env(), "Expected backbone or all-but-head for freeze.");
}

TrainerOptions trainer_options(const Napi::Object& object) {
  TrainerOptions options;
  const std::string objective = required_string(object, "objective");
  if (objective != "closed-set" && objective != "hybrid") {
    throw_invalid(object.Env(), "Expected closed-set or hybrid for objective.");
  }
  options.hybrid = objective == "hybrid";
  options.loss = loss_options(required_object(object.Get("loss"), "loss"));
  const Napi::Value betas = object.Get("betas");
  if (!betas.IsArray() || betas.As<Napi::Array>().Length() != 2) throw_invalid(object.Env(), "Expected two numbers for betas.");
  options.adam.beta1 = betas.As<Napi::Array>().Get(0u).ToNumber().DoubleValue();
  options.adam.beta2 = betas.As<Napi::Array>().Get(1u).ToNumber().DoubleValue();
  options.adam.eps = required_number(object, "eps");
  options.adam.weight_decay = required_number(object, "weightDecay");
  options.adam.backbone_factor = required_number(object, "backboneFactor");
  options.clip_norm = required_number(object, "clipNorm");
  options.batch_norm_momentum = required_number(object, "batchNormMomentum");
  options.freeze = freeze_option(object);
  options.checkpointing = optional_bool(object, "checkpointing", false);
  options.precision = precision_option(object);
  return options;
}

// Null where there is none.
std::unique_ptr<JointFlow> joint_flow(const Napi::Value& flow, const Napi::Object& options) {
  if (flow.IsUndefined()) return nullptr;
  const Napi::Object object = required_object(options.Get("flow"), "flow");
  JointFlowOptions joint;
  joint.adamax = adamax_options(object);
  joint.clip_norm = required_number(object, "clipNorm");
  joint.jsd_weight = required_number(object, "jsdWeight");
  joint.through_segmentation = optional_bool(object, "throughSegmentation", false);
  return std::make_unique<JointFlow>(FlowWrap::from(flow), joint);
}

std::vector<Window> windows_argument(const Napi::Value& value) {
  std::vector<Window> windows;
  if (value.IsUndefined()) return windows;
  if (!value.IsArray()) throw_invalid(value.Env(), "Expected an array of windows.");
  const auto list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); ++i) {
    const Napi::Object object = required_object(list.Get(i), "window");
    const auto number = [&](const char* name) { return static_cast<int64_t>(required_number(object, name)); };
    windows.push_back({number("image"), number("top"), number("left"), number("height"), number("width")});
  }
  return windows;
}

}  // namespace

void TrainerWrap::define(Napi::Env env) {
  const Napi::Function constructor = DefineClass(
      env, "NativeTrainer",
      {InstanceMethod<&TrainerWrap::step>("step"), InstanceAccessor<&TrainerWrap::steps>("steps"),
       InstanceMethod<&TrainerWrap::save>("save"), InstanceMethod<&TrainerWrap::load>("load"),
       InstanceMethod<&TrainerWrap::dispose>("dispose")});
  AddonData::of(env).trainer_constructor = Napi::Persistent(constructor);
}

TrainerWrap::TrainerWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TrainerWrap>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) throw_invalid(info.Env(), "Use createTrainer to make a trainer.");
  trainer_ = *info[0].As<Napi::External<TrainerPointer>>().Data();
}

Napi::Value TrainerWrap::create(const Napi::CallbackInfo& info) {
  const auto model = ModelWrap::from(info[0]);
  const Napi::Object object = required_object(info[1], "options");
  const TrainerOptions options = trainer_options(object);
  TrainerPointer trainer;
  try {
    trainer = std::make_shared<Trainer>(model, options, joint_flow(info[2], object));
  } catch (const Error&) {
    throw to_js_error(info.Env(), describe_current_exception());
  }
  return AddonData::of(info.Env()).trainer_constructor.New({Napi::External<TrainerPointer>::New(info.Env(), &trainer)});
}

TrainerPointer TrainerWrap::trainer(Napi::Env env) const {
  if (!trainer_) throw to_js_error(env, {"DISPOSED", "This trainer was disposed.", ""});
  return trainer_;
}

Napi::Value TrainerWrap::step(const Napi::CallbackInfo& info) {
  std::vector<Napi::ObjectReference> references;
  const TensorView images = tensor_argument(info[0], "images", references);
  check_images(info.Env(), images);
  const TensorView labels = tensor_argument(info[1], "labels", references);
  const bool bytes = images.dtype == at::kByte;
  const std::vector<int64_t> expected = {images.shape[0], images.shape[bytes ? 1 : 2], images.shape[bytes ? 2 : 3]};
  if (labels.shape != expected || (labels.dtype != at::kByte && labels.dtype != at::kInt)) {
    throw_invalid(info.Env(), "Expected labels as Uint8Array N×H×W of the size of the images.");
  }
  const Napi::Object options = required_object(info[2], "options");
  const LearningRates rates = {required_number(options, "learningRate"),
                               optional_number(options, "flowLearningRate").value_or(0.0)};
  const std::vector<Window> windows = windows_argument(options.Get("windows"));
  const auto seed = static_cast<uint64_t>(optional_number(options, "seed").value_or(0.0));
  const bool want_gradients = optional_bool(options, "gradients", false);
  const uint8_t* flag = cancel_argument(info[3], references);
  const auto trainer = this->trainer(info.Env());
  return run_async<StepResult>(
      info.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        StepResult result =
            trainer->step({images.tensor(), labels.tensor(), windows, seed}, rates, want_gradients, cancel);
        if (!want_gradients) result.output = {};
        for (auto& [name, gradient] : result.gradients) gradient = gradient.to(at::kCPU).contiguous();
        return result;
      },
      [](Napi::Env env, StepResult& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("total", result.total);
        object.Set("cls", result.cls);
        object.Set("x", result.x);
        object.Set("d", result.d);
        object.Set("gradNorm", result.gradient_norm);
        if (result.flow) {
          object.Set("mle", result.flow->mle);
          object.Set("jsd", result.flow->jsd);
          object.Set("outside", result.flow->outside);
          object.Set("flowGradNorm", result.flow->gradient_norm);
        }
        if (result.output.logits.defined()) {
          object.Set("logits", to_js(env, result.output.logits));
          object.Set("oodLogits", to_js(env, result.output.ood_logits));
          object.Set("gradients", to_js(env, result.gradients));
        }
        return object;
      });
}

Napi::Value TrainerWrap::steps(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(trainer(info.Env())->steps()));
}

Napi::Value TrainerWrap::save(const Napi::CallbackInfo& info) {
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

Napi::Value TrainerWrap::load(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw_invalid(info.Env(), "Expected a string for path.");
  const std::string path = info[0].As<Napi::String>();
  const auto trainer = this->trainer(info.Env());
  return run_async<Metadata>(
      info.Env(), {}, nullptr, [=](const CancelToken&) { return trainer->load(path); },
      [](Napi::Env env, Metadata& metadata) -> Napi::Value { return to_js(env, metadata); });
}

Napi::Value TrainerWrap::dispose(const Napi::CallbackInfo& info) {
  trainer_.reset();
  return info.Env().Undefined();
}

}  // namespace densehybrid::addon
