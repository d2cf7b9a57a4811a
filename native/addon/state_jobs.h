#pragma once

#include <memory>

#include "convert.h"
#include "models/state_dict.h"

namespace densehybrid::addon {

// The methods that models and flows share: reading, replacing and saving their state dict. The pointer keeps its owner
// alive while a job runs. Arguments as in lib/binding/native.ts.
using StatePointer = std::shared_ptr<StateDict>;

Napi::Value state_tensor_names(const Napi::CallbackInfo& info, const StatePointer& state);
// { name: [sizes] }, in order
Napi::Value state_tensor_shapes(const Napi::CallbackInfo& info, const StatePointer& state);
Napi::Value state_tensors(const Napi::CallbackInfo& info, const StatePointer& state);
Napi::Value load_state_tensors(const Napi::CallbackInfo& info, const StatePointer& state);
Napi::Value load_state_weights(const Napi::CallbackInfo& info, const StatePointer& state);
Napi::Value save_state(const Napi::CallbackInfo& info, const StatePointer& state);

}  // namespace densehybrid::addon
