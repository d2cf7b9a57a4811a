#include "state_jobs.h"

#include "addon_data.h"
#include "errors.h"

namespace densehybrid::addon {
namespace {

Napi::Value report_to_js(Napi::Env env, LoadReport& report) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("missing", to_js(env, report.missing));
  object.Set("unexpected", to_js(env, report.unexpected));
  return object;
}

std::string path_argument(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw_invalid(info.Env(), "Expected a string for path.");
  return info[0].As<Napi::String>();
}

}  // namespace

Napi::Value state_tensor_names(const Napi::CallbackInfo& info, const StatePointer& state) {
  std::vector<std::string> names;
  for (const auto& entry : state->entries()) names.push_back(entry.name);
  return to_js(info.Env(), names);
}

Napi::Value state_tensor_shapes(const Napi::CallbackInfo& info, const StatePointer& state) {
  Napi::Object shapes = Napi::Object::New(info.Env());
  for (const auto& entry : state->entries()) {
    Napi::Array shape = Napi::Array::New(info.Env());
    uint32_t axis = 0;
    for (const int64_t size : entry.tensor.sizes()) shape.Set(axis++, static_cast<double>(size));
    shapes.Set(entry.name, shape);
  }
  return shapes;
}

Napi::Value state_tensors(const Napi::CallbackInfo& info, const StatePointer& state) {
  std::vector<std::string> names;
  if (info[0].IsUndefined()) {
    for (const auto& entry : state->entries()) names.push_back(entry.name);
  } else {
    names = strings_argument(info[0], "names");
  }
  return run_async<NamedTensors>(
      info.Env(), {}, nullptr,
      [state, names](const CancelToken&) {
        NamedTensors copies;
        for (const std::string& name : names) {
          const auto* entry = state->find(name);
          if (entry == nullptr) throw Error("INVALID_ARGUMENT", "The state dict has no tensor " + name + ".");
          copies.emplace_back(name, entry->tensor.detach().to(at::kCPU).clone(at::MemoryFormat::Contiguous));
        }
        return copies;
      },
      [](Napi::Env env, NamedTensors& copies) -> Napi::Value { return to_js(env, copies); });
}

Napi::Value load_state_tensors(const Napi::CallbackInfo& info, const StatePointer& state) {
  const bool strict = optional_bool(required_object(info[1], "options"), "strict", true);
  std::vector<Napi::ObjectReference> references;
  const NamedTensors tensors = tensors_argument(info[0], "tensors", references);
  return run_async<LoadReport>(
      info.Env(), std::move(references), nullptr,
      [state, tensors, strict](const CancelToken&) { return state->load(tensors, strict); }, report_to_js);
}

Napi::Value load_state_weights(const Napi::CallbackInfo& info, const StatePointer& state) {
  const std::string path = path_argument(info);
  const Napi::Object options = required_object(info[1], "options");
  const bool strict = optional_bool(options, "strict", true);
  const std::string prefix = required_string(options, "prefix");
  return run_async<LoadReport>(
      info.Env(), {}, nullptr,
      [=](const CancelToken&) {
        NamedTensors tensors = read_safetensors(path).first;
        for (auto& [name, tensor] : tensors) name = prefix + name;
        try {
          return state->load(tensors, strict);
        } catch (const Error& error) {
          throw Error(error.code(), path + ": " + error.what(), error.hint());
        }
      },
      report_to_js);
}

Napi::Value save_state(const Napi::CallbackInfo& info, const StatePointer& state) {
  const std::string path = path_argument(info);
  const Metadata metadata = metadata_argument(info[1]);
  return run_async<Nothing>(
      info.Env(), {}, nullptr,
      [=](const CancelToken&) {
        write_safetensors(path, state->named_tensors(), metadata);
        return Nothing{};
      },
      undefined);
}

}  // namespace densehybrid::addon
