#pragma once

#include "napi_config.h"

namespace densehybrid::addon {

// runClassifier(name, state, image), see models/classifier.h.
Napi::Value run_classifier_job(const Napi::CallbackInfo& info);

}  // namespace densehybrid::addon
