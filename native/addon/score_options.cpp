#include "score_options.h"

#include <algorithm>

#include "convert.h"
#include "errors.h"

namespace densehybrid::addon {

HybridScoreOptions score_options(const Napi::Object& options) {
  HybridScoreOptions result;
  result.height = static_cast<int64_t>(required_number(options, "height"));
  result.width = static_cast<int64_t>(required_number(options, "width"));
  if (result.height < 1 || result.width < 1) throw_invalid(options.Env(), "Expected a target size of at least 1×1.");
  result.align_corners = optional_bool(options, "alignCorners", false);
  result.threshold = optional_number(options, "threshold");
  result.scores = strings_argument(options.Get("scores"), "scores");
  for (const std::string& name : result.scores) {
    if (std::find(score_names().begin(), score_names().end(), name) == score_names().end()) {
      throw_invalid(options.Env(), "Unknown score " + name + ".");
    }
  }
  return result;
}

HybridLossOptions loss_options(const Napi::Object& options) {
  HybridLossOptions result;
  result.beta_x = required_number(options, "betaX");
  result.beta_d = required_number(options, "betaD");
  result.ignore = static_cast<int64_t>(required_number(options, "ignore"));
  result.negative = static_cast<int64_t>(required_number(options, "negative"));
  const std::string ignore_rule = required_string(options, "ignoreInDatasetPosterior");
  if (ignore_rule != "inlier" && ignore_rule != "exclude") {
    throw_invalid(options.Env(), "Expected inlier or exclude for ignoreInDatasetPosterior.");
  }
  result.ignore_is_inlier = ignore_rule == "inlier";
  result.mean_logit_shift = optional_bool(options, "meanLogitShift", true);
  result.align_corners = optional_bool(options, "alignCorners", false);
  return result;
}

at::ScalarType precision_option(const Napi::Object& options) {
  const std::string precision = required_string(options, "precision");
  if (precision == "float32") return at::kFloat;
  if (precision == "bf16") return at::kBFloat16;
  throw_invalid(options.Env(), "Expected float32 or bf16 for precision.");
}

Napi::Value to_js(Napi::Env env, HybridScoreResult& result) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("labels", to_js(env, result.labels));
  Napi::Object scores = Napi::Object::New(env);
  for (const auto& [name, map] : result.scores) scores.Set(name, to_js(env, map));
  object.Set("scores", scores);
  object.Set("nonFinite", Napi::Number::New(env, static_cast<double>(result.non_finite)));
  return object;
}

}  // namespace densehybrid::addon
