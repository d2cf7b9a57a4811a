#pragma once

#include "napi_config.h"

namespace densehybrid::addon {

// The free functions of NativeAddon in lib/binding/native.ts.
Napi::Value info(const Napi::CallbackInfo& info);
Napi::Value set_threads(const Napi::CallbackInfo& info);
Napi::Value run_hybrid_score(const Napi::CallbackInfo& info);
Napi::Value run_hybrid_loss(const Napi::CallbackInfo& info);
Napi::Value run_memory_bandwidth(const Napi::CallbackInfo& info);
Napi::Value run_jensen_shannon(const Napi::CallbackInfo& info);
Napi::Value run_read_safetensors(const Napi::CallbackInfo& info);
Napi::Value run_read_safetensors_header(const Napi::CallbackInfo& info);
Napi::Value run_write_safetensors(const Napi::CallbackInfo& info);

}  // namespace densehybrid::addon
