#include "profile_job.h"

#include "addon_data.h"
#include "convert.h"
#include "models/profile.h"
#include "wrap_model.h"

namespace densehybrid::addon {

Napi::Value profile_job(const Napi::CallbackInfo& info) {
  const ModelConfig config = config_argument(info[0]);
  const Napi::Object options = required_object(info[1], "options");
  const auto batch = [&](const char* name) {
    const Napi::Object object = required_object(options.Get(name), name);
    const auto number = [&](const char* key) { return static_cast<int64_t>(required_number(object, key)); };
    return ImageBatch{number("images"), number("height"), number("width")};
  };
  const ImageBatch scored = batch("scored");
  const ImageBatch trained = batch("trained");
  const bool checkpointing = optional_bool(options, "checkpointing", false);
  return run_async<ModelProfile>(
      info.Env(), {}, nullptr,
      [=](const CancelToken&) { return profile_model(config, scored, trained, checkpointing); },
      [](Napi::Env env, ModelProfile& profile) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("parameters", static_cast<double>(profile.parameters));
        object.Set("flops", profile.flops);
        object.Set("inferenceBytes", static_cast<double>(profile.inference_bytes));
        object.Set("trainingBytes", static_cast<double>(profile.training_bytes));
        return object;
      });
}

}  // namespace densehybrid::addon
