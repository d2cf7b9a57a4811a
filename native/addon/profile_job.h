#pragma once

#include "napi_config.h"

namespace densehybrid::addon {

// profileModel(config, { scored, trained, checkpointing }), see models/profile.h.
Napi::Value profile_job(const Napi::CallbackInfo& info);

}  // namespace densehybrid::addon
