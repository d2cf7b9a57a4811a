#include "wrap_flow.h"

#include <ATen/ops/isfinite.h>
#include <c10/core/InferenceMode.h>

#include "addon_data.h"
#include "draws_argument.h"
#include "errors.h"
#include "flow/flow_layer.h"
#include "state_jobs.h"

namespace densehybrid::addon {
namespace {

using FlowPointer = std::shared_ptr<DenseFlow>;

std::vector<int64_t> counts_argument(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsArray()) throw_invalid(options.Env(), std::string("Expected an array of numbers for ") + name + ".");
  const auto array = value.As<Napi::Array>();
  std::vector<int64_t> counts;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value item = array.Get(i);
    if (!item.IsNumber()) throw_invalid(options.Env(), std::string("Expected an array of numbers for ") + name + ".");
    counts.push_back(item.As<Napi::Number>().Int64Value());
  }
  return counts;
}

Napi::Array counts_to_js(Napi::Env env, const std::vector<int64_t>& counts) {
  Napi::Array array = Napi::Array::New(env, counts.size());
  for (size_t i = 0; i < counts.size(); ++i) {
    array.Set(static_cast<uint32_t>(i), Napi::Number::New(env, static_cast<double>(counts[i])));
  }
  return array;
}

FlowConfig config_argument(const Napi::Value& value) {
  const Napi::Object options = required_object(value, "config");
  const auto count = [&](const char* name) { return static_cast<int64_t>(required_number(options, name)); };
  FlowConfig config;
  config.architecture = required_string(options, "architecture");
  config.units = counts_argument(options, "units");
  config.layers = counts_argument(options, "layers");
  config.mid = counts_argument(options, "mid");
  config.growth = count("growth");
  config.net_depth = count("netDepth");
  config.net_growth = count("netGrowth");
  config.attention = optional_bool(options, "attention", false);
  config.variational = optional_bool(options, "variational", false);
  config.seed = static_cast<uint64_t>(required_number(options, "seed"));
  config.device = device_argument(options);
  return config;
}

Napi::Object config_to_js(Napi::Env env, const FlowConfig& config) {
  Napi::Object object = Napi::Object::New(env);
  const auto count = [&](int64_t value) { return Napi::Number::New(env, static_cast<double>(value)); };
  object.Set("architecture", config.architecture);
  object.Set("units", counts_to_js(env, config.units));
  object.Set("layers", counts_to_js(env, config.layers));
  object.Set("mid", counts_to_js(env, config.mid));
  object.Set("growth", count(config.growth));
  object.Set("netDepth", count(config.net_depth));
  object.Set("netGrowth", count(config.net_growth));
  object.Set("attention", Napi::Boolean::New(env, config.attention));
  object.Set("variational", Napi::Boolean::New(env, config.variational));
  object.Set("seed", Napi::Number::New(env, static_cast<double>(config.seed)));
  object.Set("device", config.device.str());
  return object;
}

}  // namespace

void FlowWrap::define(Napi::Env env) {
  const Napi::Function constructor = DefineClass(
      env, "NativeFlow",
      {InstanceAccessor<&FlowWrap::parameter_count>("parameterCount"),
       InstanceAccessor<&FlowWrap::reduction>("reduction"), InstanceAccessor<&FlowWrap::initialised>("initialised"),
       InstanceAccessor<&FlowWrap::config>("config"), InstanceMethod<&FlowWrap::log_prob>("logProb"),
       InstanceMethod<&FlowWrap::sample>("sample"), InstanceMethod<&FlowWrap::initialise>("initialise"),
       InstanceMethod<&FlowWrap::reconstruction_error>("reconstructionError"),
       InstanceMethod<&FlowWrap::tensor_names>("tensorNames"), InstanceMethod<&FlowWrap::tensors>("tensors"),
       InstanceMethod<&FlowWrap::load_tensors>("loadTensors"), InstanceMethod<&FlowWrap::load_weights>("loadWeights"),
       InstanceMethod<&FlowWrap::save>("save"), InstanceMethod<&FlowWrap::dispose>("dispose")});
  AddonData::of(env).flow_constructor = Napi::Persistent(constructor);
}

FlowWrap::FlowWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FlowWrap>(info) {
  if (info.Length() != 1 || !info[0].IsExternal()) throw_invalid(info.Env(), "Use createFlow to make a flow.");
  flow_ = *info[0].As<Napi::External<FlowPointer>>().Data();
}

Napi::Value FlowWrap::create(const Napi::CallbackInfo& info) {
  const FlowConfig config = config_argument(info[0]);
  return run_async<FlowPointer>(
      info.Env(), {}, nullptr, [config](const CancelToken&) { return std::make_shared<DenseFlow>(config); },
      [](Napi::Env env, FlowPointer& flow) -> Napi::Value {
        return AddonData::of(env).flow_constructor.New({Napi::External<FlowPointer>::New(env, &flow)});
      });
}

Napi::Value FlowWrap::list_architectures(const Napi::CallbackInfo& info) {
  Napi::Array list = Napi::Array::New(info.Env());
  uint32_t index = 0;
  for (const FlowConfig& config : flow_architectures()) list.Set(index++, config_to_js(info.Env(), config));
  return list;
}

FlowPointer FlowWrap::from(const Napi::Value& value) {
  const Napi::Env env = value.Env();
  if (!value.IsObject() || !value.As<Napi::Object>().InstanceOf(AddonData::of(env).flow_constructor.Value())) {
    throw_invalid(env, "Expected a native flow.");
  }
  return Unwrap(value.As<Napi::Object>())->flow(env);
}

FlowPointer FlowWrap::flow(Napi::Env env) const {
  if (!flow_) throw to_js_error(env, {"DISPOSED", "This flow was disposed.", ""});
  return flow_;
}

std::shared_ptr<StateDict> FlowWrap::state(Napi::Env env) const {
  const FlowPointer flow = this->flow(env);
  return {flow, &flow->state()};
}

Napi::Value FlowWrap::parameter_count(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(flow(info.Env())->state().parameter_count()));
}

Napi::Value FlowWrap::reduction(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(flow(info.Env())->reduction()));
}

Napi::Value FlowWrap::initialised(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), flow(info.Env())->initialised());
}

Napi::Value FlowWrap::config(const Napi::CallbackInfo& info) {
  return config_to_js(info.Env(), flow(info.Env())->config());
}

Napi::Value FlowWrap::log_prob(const Napi::CallbackInfo& info) {
  struct Result {
    DenseFlow::Encoding encoding;
    NamedTensors probes;
    bool with_probes;
  };
  std::vector<Napi::ObjectReference> references;
  const TensorView patches = patches_argument(info[0], references);
  const Napi::Object options = required_object(info[1], "options");
  const auto make_draws = draws_argument(options, references);
  const bool with_probes = optional_bool(options, "probes", false);
  const uint8_t* flag = cancel_argument(info[2], references);
  const FlowPointer flow = this->flow(info.Env());
  return run_async<Result>(
      info.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        const c10::InferenceMode inference;
        std::map<std::string, at::Tensor> probes;
        Draws draws = make_draws();
        FlowContext context(draws);
        context.cancel = cancel;
        if (with_probes) context.probes = &probes;
        Result result{flow->encode(as_images(patches), context), {}, with_probes};
        result.probes.assign(probes.begin(), probes.end());
        return result;
      },
      [](Napi::Env env, Result& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("logProb", to_js(env, result.encoding.log_prob));
        if (result.with_probes) {
          object.Set("z", to_js(env, result.encoding.z));
          object.Set("probes", to_js(env, result.probes));
        }
        return object;
      });
}

Napi::Value FlowWrap::sample(const Napi::CallbackInfo& info) {
  struct Result {
    at::Tensor patches;
    double outside;
  };
  std::vector<Napi::ObjectReference> references;
  const Napi::Object options = required_object(info[0], "options");
  const auto n = static_cast<int64_t>(required_number(options, "n"));
  const auto height = static_cast<int64_t>(required_number(options, "height"));
  const auto width = static_cast<int64_t>(required_number(options, "width"));
  const bool continuous = optional_bool(options, "continuous", false);
  const auto make_draws = draws_argument(options, references);
  const uint8_t* flag = cancel_argument(info[1], references);
  const FlowPointer flow = this->flow(info.Env());
  return run_async<Result>(
      info.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        const c10::InferenceMode inference;
        Draws draws = make_draws();
        FlowContext context(draws);
        context.cancel = cancel;
        const at::Tensor values = flow->sample(n, height, width, context);
        if (!at::isfinite(values).all().item<bool>()) {
          throw Error("NON_FINITE", "A sample is not finite.",
                      "The weights of this flow are broken: it diverged in training.");
        }
        const at::Tensor patches = continuous ? values : quantise(values);
        return Result{patches.permute({0, 2, 3, 1}).to(at::kCPU).contiguous(), to_image(values).outside};
      },
      [](Napi::Env env, Result& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("patches", to_js(env, result.patches));
        object.Set("outside", result.outside);
        return object;
      });
}

Napi::Value FlowWrap::initialise(const Napi::CallbackInfo& info) {
  std::vector<Napi::ObjectReference> references;
  const TensorView patches = patches_argument(info[0], references);
  const auto make_draws = draws_argument(required_object(info[1], "options"), references);
  const uint8_t* flag = cancel_argument(info[2], references);
  const FlowPointer flow = this->flow(info.Env());
  return run_async<at::Tensor>(
      info.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        Draws draws = make_draws();
        return flow->initialise(as_images(patches), draws, cancel);
      },
      [](Napi::Env env, at::Tensor& log_prob) -> Napi::Value { return to_js(env, log_prob); });
}

Napi::Value FlowWrap::reconstruction_error(const Napi::CallbackInfo& info) {
  std::vector<Napi::ObjectReference> references;
  const TensorView patches = patches_argument(info[0], references);
  const auto make_draws = draws_argument(required_object(info[1], "options"), references);
  const uint8_t* flag = cancel_argument(info[2], references);
  const FlowPointer flow = this->flow(info.Env());
  return run_async<DenseFlow::ReconstructionError>(
      info.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        Draws draws = make_draws();
        return flow->reconstruction_error(as_images(patches), draws, cancel);
      },
      [](Napi::Env env, DenseFlow::ReconstructionError& error) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("max", error.max);
        object.Set("mean", error.mean);
        return object;
      });
}

Napi::Value FlowWrap::tensor_names(const Napi::CallbackInfo& info) { return state_tensor_names(info, state(info.Env())); }

Napi::Value FlowWrap::tensors(const Napi::CallbackInfo& info) { return state_tensors(info, state(info.Env())); }

Napi::Value FlowWrap::load_tensors(const Napi::CallbackInfo& info) { return load_state_tensors(info, state(info.Env())); }

Napi::Value FlowWrap::load_weights(const Napi::CallbackInfo& info) { return load_state_weights(info, state(info.Env())); }

Napi::Value FlowWrap::save(const Napi::CallbackInfo& info) { return save_state(info, state(info.Env())); }

Napi::Value FlowWrap::dispose(const Napi::CallbackInfo& info) {
  flow_.reset();  // jobs under way hold their own pointers
  return info.Env().Undefined();
}

Napi::Value run_flow_layer_job(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw_invalid(info.Env(), "Expected a string for layer.");
  std::vector<Napi::ObjectReference> references;
  FlowLayerJob job;
  job.layer = info[0].As<Napi::String>();
  const Napi::Object options = required_object(info[1], "options");
  const Napi::Object sizes = required_object(options.Get("sizes"), "sizes");
  const Napi::Array size_names = sizes.GetPropertyNames();
  for (uint32_t i = 0; i < size_names.Length(); ++i) {
    const std::string name = Napi::Value(size_names.Get(i)).ToString();
    job.sizes[name] = static_cast<int64_t>(required_number(sizes, name.c_str()));
  }
  const auto make_draws = draws_argument(options, references);
  job.state = tensors_argument(info[2], "state", references);
  job.input = tensor_argument(info[3], "input", references).tensor();
  return run_async<NamedTensors>(
      info.Env(), std::move(references), nullptr,
      [job, make_draws](const CancelToken&) {
        Draws draws = make_draws();
        return run_flow_layer(job, draws);
      },
      [](Napi::Env env, NamedTensors& result) -> Napi::Value { return to_js(env, result); });
}

}  // namespace densehybrid::addon
