#include "convert.h"

#include <ATen/Context.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <cstring>

#include "errors.h"

namespace densehybrid::addon {
namespace {

struct TypedArrayKind {
  napi_typedarray_type js;
  at::ScalarType dtype;
};
constexpr TypedArrayKind kKinds[] = {
    {napi_float32_array, at::kFloat}, {napi_float64_array, at::kDouble}, {napi_uint8_array, at::kByte},
    {napi_int8_array, at::kChar},     {napi_int16_array, at::kShort},    {napi_int32_array, at::kInt},
    {napi_bigint64_array, at::kLong},
};

Napi::ArrayBuffer external_buffer(Napi::Env env, const at::Tensor& tensor) {
  const size_t bytes = tensor.nbytes();
  if (bytes == 0) return Napi::ArrayBuffer::New(env, 0);
  auto* holder = new at::Tensor(tensor);
  napi_value value = nullptr;
  const napi_status status = napi_create_external_arraybuffer(
      env, holder->mutable_data_ptr(), bytes,
      [](napi_env, void*, void* hint) { delete static_cast<at::Tensor*>(hint); }, holder, &value);
  if (status == napi_ok) return Napi::ArrayBuffer(env, value);
  delete holder;
  if (status != napi_no_external_buffers_allowed) throw to_js_error(env, {"INTERNAL", "Cannot create an ArrayBuffer.", ""});
  Napi::ArrayBuffer copy = Napi::ArrayBuffer::New(env, bytes);
  std::memcpy(copy.Data(), tensor.const_data_ptr(), bytes);
  return copy;
}

}  // namespace

at::Tensor TensorView::tensor() const {
  const auto options = at::TensorOptions().dtype(dtype);
  return data == nullptr ? at::empty(shape, options) : at::from_blob(data, shape, options);
}

TensorView tensor_argument(const Napi::Value& value, const std::string& name,
                           std::vector<Napi::ObjectReference>& references) {
  const Napi::Env env = value.Env();
  if (!value.IsObject()) throw_invalid(env, "Expected a tensor { data, shape } for " + name + ".");
  const Napi::Value data = value.As<Napi::Object>().Get("data");
  const Napi::Value shape = value.As<Napi::Object>().Get("shape");
  if (!data.IsTypedArray() || !shape.IsArray()) throw_invalid(env, "Expected a tensor { data, shape } for " + name + ".");

  TensorView argument;
  napi_typedarray_type type = napi_uint8_array;
  size_t length = 0;
  if (napi_get_typedarray_info(env, data, &type, &length, &argument.data, nullptr, nullptr) != napi_ok) {
    throw_invalid(env, "The typed array of " + name + " cannot be read.");
  }
  bool known = false;
  for (const TypedArrayKind& kind : kKinds) {
    if (kind.js != type) continue;
    argument.dtype = kind.dtype;
    known = true;
  }
  if (!known) throw_invalid(env, "The typed array of " + name + " has a type that tensors do not have.");
  const auto extents = shape.As<Napi::Array>();
  double elements = 1;
  for (uint32_t i = 0; i < extents.Length(); ++i) {
    const Napi::Value extent = extents.Get(i);
    const double number = extent.IsNumber() ? extent.As<Napi::Number>().DoubleValue() : -1;
    if (!(number >= 0) || number != static_cast<double>(static_cast<int64_t>(number))) {
      throw_invalid(env, "Expected whole numbers for the shape of " + name + ".");
    }
    argument.shape.push_back(static_cast<int64_t>(number));
    elements *= number;
  }
  if (elements != static_cast<double>(length)) throw_invalid(env, "The shape of " + name + " does not fit its data.");
  if (length == 0) argument.data = nullptr;
  references.push_back(Napi::Persistent(data.As<Napi::Object>()));
  return argument;
}

Napi::Object to_js(Napi::Env env, const at::Tensor& tensor) {
  at::Tensor host = tensor.detach().to(at::kCPU);
  if (host.scalar_type() == at::kBFloat16 || host.scalar_type() == at::kHalf) host = host.to(at::kFloat);
  if (host.scalar_type() == at::kBool) host = host.to(at::kByte);
  host = host.contiguous();
  const TypedArrayKind* found = nullptr;
  for (const TypedArrayKind& kind : kKinds) {
    if (kind.dtype == host.scalar_type()) found = &kind;
  }
  if (found == nullptr) throw to_js_error(env, {"INTERNAL", "A tensor has a dtype that JS does not have.", ""});
  napi_value data = nullptr;
  napi_create_typedarray(env, found->js, static_cast<size_t>(host.numel()), external_buffer(env, host), 0, &data);
  Napi::Array shape = Napi::Array::New(env, static_cast<size_t>(host.dim()));
  for (int64_t i = 0; i < host.dim(); ++i) {
    shape.Set(static_cast<uint32_t>(i), Napi::Number::New(env, static_cast<double>(host.size(i))));
  }
  Napi::Object object = Napi::Object::New(env);
  object.Set("data", Napi::Value(env, data));
  object.Set("shape", shape);
  return object;
}

Napi::Object to_js(Napi::Env env, const NamedTensors& tensors) {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [name, tensor] : tensors) object.Set(name, to_js(env, tensor));
  return object;
}

Napi::Object to_js(Napi::Env env, const Metadata& metadata) {
  Napi::Object object = Napi::Object::New(env);
  for (const auto& [key, value] : metadata) object.Set(key, Napi::String::New(env, value));
  return object;
}

Napi::Array to_js(Napi::Env env, const std::vector<std::string>& names) {
  Napi::Array array = Napi::Array::New(env, names.size());
  for (size_t i = 0; i < names.size(); ++i) array.Set(static_cast<uint32_t>(i), Napi::String::New(env, names[i]));
  return array;
}

NamedTensors tensors_argument(const Napi::Value& value, const char* name, std::vector<Napi::ObjectReference>& references) {
  const Napi::Object object = required_object(value, name);
  NamedTensors tensors;
  const Napi::Array names = object.GetPropertyNames();
  for (uint32_t i = 0; i < names.Length(); ++i) {
    const std::string key = Napi::Value(names.Get(i)).ToString();
    tensors.emplace_back(key, tensor_argument(object.Get(key), key, references).tensor());
  }
  return tensors;
}

Metadata metadata_argument(const Napi::Value& value) {
  const Napi::Object object = required_object(value, "metadata");
  Metadata metadata;
  const Napi::Array keys = object.GetPropertyNames();
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    const std::string key = Napi::Value(keys.Get(i)).ToString();
    metadata[key] = required_string(object, key.c_str());
  }
  return metadata;
}

std::vector<std::string> strings_argument(const Napi::Value& value, const std::string& name) {
  if (!value.IsArray()) throw_invalid(value.Env(), "Expected an array of strings for " + name + ".");
  const auto array = value.As<Napi::Array>();
  std::vector<std::string> strings;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value item = array.Get(i);
    if (!item.IsString()) throw_invalid(value.Env(), "Expected an array of strings for " + name + ".");
    strings.push_back(item.As<Napi::String>());
  }
  return strings;
}

double required_number(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsNumber()) throw_invalid(options.Env(), std::string("Expected a number for ") + name + ".");
  return value.As<Napi::Number>().DoubleValue();
}

std::string required_string(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (!value.IsString()) throw_invalid(options.Env(), std::string("Expected a string for ") + name + ".");
  return value.As<Napi::String>();
}

std::optional<double> optional_number(const Napi::Object& options, const char* name) {
  const Napi::Value value = options.Get(name);
  if (value.IsUndefined() || value.IsNull()) return std::nullopt;
  return required_number(options, name);
}

bool optional_bool(const Napi::Object& options, const char* name, bool fallback) {
  const Napi::Value value = options.Get(name);
  if (value.IsUndefined()) return fallback;
  if (!value.IsBoolean()) throw_invalid(options.Env(), std::string("Expected a boolean for ") + name + ".");
  return value.As<Napi::Boolean>();
}

Napi::Object required_object(const Napi::Value& value, const char* name) {
  if (!value.IsObject()) throw_invalid(value.Env(), std::string("Expected an object for ") + name + ".");
  return value.As<Napi::Object>();
}

at::Device device_argument(const Napi::Object& options) {
  const std::string name = required_string(options, "device");
  at::Device device = at::kCPU;
  try {
    device = at::Device(name);
  } catch (const c10::Error&) {
    throw_invalid(options.Env(), "Unknown device " + name + ".");
  }
  if (device.is_cuda() && !at::hasCUDA()) {
    throw to_js_error(options.Env(), {"INVALID_ARGUMENT", "There is no CUDA device for " + name + ".",
                                      "Use the device cpu; `npx densehybrid doctor` says what is missing for CUDA."});
  }
  return device;
}

const uint8_t* cancel_argument(const Napi::Value& value, std::vector<Napi::ObjectReference>& references) {
  if (value.IsUndefined()) return nullptr;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (!value.IsTypedArray() ||
      napi_get_typedarray_info(value.Env(), value, &type, &length, &data, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array || length < 1) {
    throw_invalid(value.Env(), "Expected a Uint8Array of one byte for the cancel flag.");
  }
  references.push_back(Napi::Persistent(value.As<Napi::Object>()));
  return static_cast<const uint8_t*>(data);
}

}  // namespace densehybrid::addon
