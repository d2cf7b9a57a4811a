#include "wrap_model.h"

#include <c10/core/InferenceMode.h>

#include "addon_data.h"
#include "errors.h"
#include "models/scripted_network.h"
#include "ops/hybrid_score/hybrid_score.h"
#include "score_options.h"
#include "state_jobs.h"

namespace densehybrid::addon {
namespace {

using ModelPointer = std::shared_ptr<SegmentationModel>;

Napi::Object options_to_js(Napi::Env env, const Options& options) {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [name, value] : options) {
    if (const auto* text = std::get_if<std::string>(&value)) object.Set(name, *text);
    if (const auto* number = std::get_if<double>(&value)) object.Set(name, *number);
    if (const auto* flag = std::get_if<bool>(&value)) object.Set(name, Napi::Boolean::New(env, *flag));
  }
  return object;
}

Napi::Array triple_to_js(Napi::Env env, const std::array<double, 3>& values) {
  Napi::Array array = Napi::Array::New(env, 3);
  for (uint32_t i = 0; i < 3; ++i) array.Set(i, values[i]);
  return array;
}

std::array<double, 3> triple_argument(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsArray() || value.As<Napi::Array>().Length() != 3) {
    throw_invalid(options.Env(), std::string("Expected three numbers for ") + name + ".");
  }
  std::array<double, 3> triple{};
  for (uint32_t i = 0; i < 3; ++i) {
    const Napi::Value item = value.As<Napi::Array>().Get(i);
    if (!item.IsNumber()) throw_invalid(options.Env(), std::string("Expected three numbers for ") + name + ".");
    triple[i] = item.As<Napi::Number>().DoubleValue();
  }
  return triple;
}

at::Tensor to_host(const at::Tensor& tensor) { return tensor.to(at::kCPU, at::kFloat).contiguous(); }

}  // namespace

ModelConfig config_argument(const Napi::Value& value) {
  const Napi::Object options = required_object(value, "config");
  ModelConfig config;
  config.architecture = required_string(options, "architecture");
  config.classes = static_cast<int64_t>(required_number(options, "classes"));
  config.mean = triple_argument(options, "mean");
  config.std = triple_argument(options, "std");
  config.seed = static_cast<uint64_t>(required_number(options, "seed"));
  config.channels_last = optional_bool(options, "channelsLast", true);
  config.device = device_argument(options);
  const Napi::Object extra = required_object(options.Get("options"), "options");
  const Napi::Array names = extra.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string name = Napi::Value(names.Get(i)).ToString();
    const Napi::Value item = extra.Get(name);
    if (item.IsBoolean()) config.options[name] = item.As<Napi::Boolean>().Value();
    else if (item.IsNumber()) config.options[name] = item.As<Napi::Number>().DoubleValue();
    else if (item.IsString()) config.options[name] = item.As<Napi::String>().Utf8Value();
    else throw_invalid(options.Env(), "Expected a string, number or boolean for option " + name + ".");
  }
  return config;
}

void check_images(Napi::Env env, const TensorView& images) {
  const bool bytes = images.dtype == at::kByte && images.shape.size() == 4 && images.shape[3] == 3;
  const bool floats = images.dtype == at::kFloat && images.shape.size() == 4 && images.shape[1] == 3;
  if (!bytes && !floats) throw_invalid(env, "Expected images as Uint8Array N×H×W×3.");
  const int64_t height = images.shape[bytes ? 1 : 2];
  const int64_t width = images.shape[bytes ? 2 : 3];
  if (images.shape[0] < 1 || height < 32 || width < 32) {
    throw_invalid(env, "Expected at least one image of at least 32×32 pixels but received " +
                           std::to_string(images.shape[0]) + " of " + std::to_string(width) + "×" +
                           std::to_string(height) + ".");
  }
}

void ModelWrap::define(Napi::Env env) {
  const Napi::Function constructor = DefineClass(
      env, "NativeModel",
      {InstanceAccessor<&ModelWrap::parameter_count>("parameterCount"), InstanceAccessor<&ModelWrap::config>("config"),
       InstanceMethod<&ModelWrap::forward>("forward"), InstanceMethod<&ModelWrap::segment>("segment"),
       InstanceMethod<&ModelWrap::tensor_names>("tensorNames"), InstanceMethod<&ModelWrap::tensor_shapes>("tensorShapes"), InstanceMethod<&ModelWrap::tensors>("tensors"),
       InstanceMethod<&ModelWrap::load_tensors>("loadTensors"), InstanceMethod<&ModelWrap::load_weights>("loadWeights"),
       InstanceMethod<&ModelWrap::save>("save"), InstanceMethod<&ModelWrap::dispose>("dispose")});
  AddonData::of(env).model_constructor = Napi::Persistent(constructor);
}

ModelWrap::ModelWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ModelWrap>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) throw_invalid(info.Env(), "Use createModel to make a model.");
  model_ = *info[0].As<Napi::External<ModelPointer>>().Data();
}

Napi::Value ModelWrap::create(const Napi::CallbackInfo& info) {
  const ModelConfig config = config_argument(info[0]);
  return run_async<ModelPointer>(
      info.Env(), {}, nullptr, [config](const CancelToken&) { return ModelPointer(create_model(config)); },
      [](Napi::Env env, ModelPointer& model) -> Napi::Value {
        return AddonData::of(env).model_constructor.New({Napi::External<ModelPointer>::New(env, &model)});
      });
}

Napi::Value ModelWrap::create_scripted(const Napi::CallbackInfo& info) {
  const ModelConfig config = config_argument(info[0]);
  const Napi::Object source = required_object(info[1], "source");
  const bool checkpoint = source.Has("checkpoint");
  const std::string path = required_string(source, checkpoint ? "checkpoint" : "torchscript");
  const std::string prefix = checkpoint ? required_string(source, "prefix") : "";
  struct Result {
    ModelPointer model;
    ScriptedReport report;
  };
  return run_async<Result>(
      info.Env(), {}, nullptr,
      [=](const CancelToken&) {
        ScriptedModel made;
        if (checkpoint) {
          NamedTensors tensors;
          for (auto& [name, tensor] : read_safetensors(path).first) {
            if (name.rfind(prefix, 0) == 0) tensors.emplace_back(name.substr(prefix.size()), tensor);
          }
          made = create_scripted_model(config, tensors);
        } else {
          ScriptedModule module = ScriptedModule::from_file(path, config.device);
          const std::string archive = module.archive();
          made = create_scripted_model(config, std::move(module), archive);
        }
        return Result{ModelPointer(std::move(made.model)), made.report};
      },
      [](Napi::Env env, Result& result) -> Napi::Value {
        const ScriptedReport& report = result.report;
        const auto number = [&](auto value) { return Napi::Number::New(env, static_cast<double>(value)); };
        Napi::Object object = Napi::Object::New(env);
        object.Set("output", report.output);
        object.Set("stride", number(report.stride));
        object.Set("featureChannels", number(report.feature_channels));
        object.Set("featureStride", number(report.feature_stride));
        object.Set("padTo", number(report.pad_to));
        object.Set("trainable", Napi::Boolean::New(env, report.trainable));
        object.Set("trainingMode", Napi::Boolean::New(env, report.training_mode));
        object.Set("weightsDtype", report.weights_dtype);
        Napi::Object both = Napi::Object::New(env);
        both.Set("model", AddonData::of(env).model_constructor.New({Napi::External<ModelPointer>::New(env, &result.model)}));
        both.Set("report", object);
        return both;
      });
}

Napi::Value ModelWrap::list_architectures(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  uint32_t index = 0;
  for (const Architecture& architecture : architectures()) {
    Napi::Object object = Napi::Object::New(env);
    object.Set("name", architecture.name);
    object.Set("mean", triple_to_js(env, architecture.mean));
    object.Set("std", triple_to_js(env, architecture.std));
    object.Set("options", options_to_js(env, architecture.options));
    object.Set("stride", Napi::Number::New(env, static_cast<double>(architecture.stride)));
    object.Set("alignCorners", Napi::Boolean::New(env, architecture.align_corners));
    object.Set("checkpointing", Napi::Boolean::New(env, architecture.checkpointing));
    if (!architecture.backbone.empty()) object.Set("backbone", architecture.backbone);
    list.Set(index++, object);
  }
  return list;
}

ModelPointer ModelWrap::from(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(AddonData::of(env).model_constructor.Value())) {
    throw_invalid(env, "Expected a native model.");
  }
  return Unwrap(value.As<Napi::Object>())->model(env);
}

ModelPointer ModelWrap::model(Napi::Env env) const {
  if (!model_) throw to_js_error(env, {"DISPOSED", "This model was disposed.", ""});
  return model_;
}

std::shared_ptr<StateDict> ModelWrap::state(Napi::Env env) const {
  const ModelPointer model = this->model(env);
  return {model, &model->state()};
}

Napi::Value ModelWrap::parameter_count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(model(info.Env())->state().parameter_count()));
}

Napi::Value ModelWrap::config(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const ModelConfig& config = model(env)->config();
  Napi::Object object = Napi::Object::New(env);
  object.Set("architecture", config.architecture);
  object.Set("classes", Napi::Number::New(env, static_cast<double>(config.classes)));
  object.Set("options", options_to_js(env, config.options));
  object.Set("mean", triple_to_js(env, config.mean));
  object.Set("std", triple_to_js(env, config.std));
  object.Set("seed", Napi::Number::New(env, static_cast<double>(config.seed)));
  object.Set("device", config.device.str());
  return object;
}

Napi::Value ModelWrap::forward(const Napi::CallbackInfo& info) {
  struct Result {
    SegmentationModel::Output output;
    NamedTensors probes;
    bool with_probes;
  };
  std::vector<Napi::ObjectReference> references;
  const TensorView images = tensor_argument(info[0], "images", references);
  check_images(info.Env(), images);
  const Napi::Object options = required_object(info[1], "options");
  const at::ScalarType precision = precision_option(options);
  const bool with_probes = optional_bool(options, "probes", false);
  const uint8_t* flag = cancel_argument(info[2], references);
  const auto model = this->model(info.Env());
  return run_async<Result>(
      info.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        const c10::InferenceMode inference;
        std::map<std::string, at::Tensor> probes;
        ForwardContext context;
        context.cancel = cancel;
        if (with_probes) context.probes = &probes;
        const auto output = model->forward(model->prepare(images.tensor(), precision), context);
        Result result{{to_host(output.logits), to_host(output.ood_logits)}, {}, with_probes};
        for (const auto& [name, tensor] : probes) result.probes.emplace_back(name, to_host(tensor));
        return result;
      },
      [](Napi::Env env, Result& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("logits", to_js(env, result.output.logits));
        object.Set("oodLogits", to_js(env, result.output.ood_logits));
        if (result.with_probes) object.Set("probes", to_js(env, result.probes));
        return object;
      });
}

Napi::Value ModelWrap::segment(const Napi::CallbackInfo& info) {
  std::vector<Napi::ObjectReference> references;
  const TensorView images = tensor_argument(info[0], "images", references);
  check_images(info.Env(), images);
  const Napi::Object options = required_object(info[1], "options");
  const at::ScalarType precision = precision_option(options);
  HybridScoreOptions scores = score_options(options);
  const uint8_t* flag = cancel_argument(info[2], references);
  const auto model = this->model(info.Env());
  scores.align_corners = model->align_corners();
  return run_async<HybridScoreResult>(
      info.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        const c10::InferenceMode inference;
        ForwardContext context;
        context.cancel = cancel;
        const auto output = model->forward(model->prepare(images.tensor(), precision), context);
        HybridScoreResult result = hybrid_score(output.logits, output.ood_logits, scores, cancel);
        result.labels = result.labels.to(at::kCPU).contiguous();
        for (auto& [name, map] : result.scores) map = to_host(map);
        return result;
      },
      [](Napi::Env env, HybridScoreResult& result) { return to_js(env, result); });
}

Napi::Value ModelWrap::tensor_names(const Napi::CallbackInfo& info) { return state_tensor_names(info, state(info.Env())); }

Napi::Value ModelWrap::tensor_shapes(const Napi::CallbackInfo& info) { return state_tensor_shapes(info, state(info.Env())); }

Napi::Value ModelWrap::tensors(const Napi::CallbackInfo& info) { return state_tensors(info, state(info.Env())); }

Napi::Value ModelWrap::load_tensors(const Napi::CallbackInfo& info) { return load_state_tensors(info, state(info.Env())); }

Napi::Value ModelWrap::load_weights(const Napi::CallbackInfo& info) { return load_state_weights(info, state(info.Env())); }

Napi::Value ModelWrap::save(const Napi::CallbackInfo& info) { return save_state(info, state(info.Env())); }

Napi::Value ModelWrap::dispose(const Napi::CallbackInfo& info) {
  model_.reset();  // jobs under way hold their own pointers
  return info.Env().Undefined();
}

}  // namespace densehybrid::addon
