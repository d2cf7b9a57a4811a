#pragma once

#include "napi_config.h"
#include "ops/hybrid_loss/hybrid_loss.h"
#include "ops/hybrid_score/hybrid_score.h"

namespace densehybrid::addon {

HybridScoreOptions score_options(const Napi::Object& options);
HybridLossOptions loss_options(const Napi::Object& options);
// 'float32' or 'bf16'.
at::ScalarType precision_option(const Napi::Object& options);
Napi::Value to_js(Napi::Env env, HybridScoreResult& result);

}  // namespace densehybrid::addon
