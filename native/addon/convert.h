#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "napi_config.h"

namespace densehybrid::addon {

// A JS tensor { data, shape } as a job sees it: the memory of its typed array, which a reference on the JS side keeps
// alive. The array must not be transferred or resized while the job runs.
struct TensorView {
  void* data = nullptr;
  std::vector<int64_t> shape;
  at::ScalarType dtype = at::kFloat;

  at::Tensor tensor() const;  // may be called on any thread
};

// Checks that data and shape agree, and adds the reference to `references`.
TensorView tensor_argument(const Napi::Value& value, const std::string& name,
                           std::vector<Napi::ObjectReference>& references);

// An object of tensors by name, as views.
NamedTensors tensors_argument(const Napi::Value& value, const char* name, std::vector<Napi::ObjectReference>& references);

// A tensor as { data, shape } without copying: the ArrayBuffer is external and frees the tensor when collected (it is
// copied where a runtime forbids external buffers). bf16 and fp16 become float32, bool becomes uint8.
Napi::Object to_js(Napi::Env env, const at::Tensor& tensor);
Napi::Object to_js(Napi::Env env, const NamedTensors& tensors);
Napi::Object to_js(Napi::Env env, const Metadata& metadata);
Napi::Array to_js(Napi::Env env, const std::vector<std::string>& names);

Metadata metadata_argument(const Napi::Value& value);
std::vector<std::string> strings_argument(const Napi::Value& value, const std::string& name);

// Readers for option objects; `required_*` throw when the option is absent or has another type.
double required_number(const Napi::Object& options, const char* name);
std::string required_string(const Napi::Object& options, const char* name);
std::optional<double> optional_number(const Napi::Object& options, const char* name);
bool optional_bool(const Napi::Object& options, const char* name, bool fallback);
Napi::Object required_object(const Napi::Value& value, const char* name);

// The option `device`: 'cpu', 'cuda', 'cuda:1'; throws where it does not exist.
at::Device device_argument(const Napi::Object& options);

// An optional CancelFlag argument (Uint8Array of one byte): null when absent. A reference is added to `references`.
const uint8_t* cancel_argument(const Napi::Value& value, std::vector<Napi::ObjectReference>& references);

}  // namespace densehybrid::addon
