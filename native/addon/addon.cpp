#include "addon_data.h"
#include "common/caching_allocator.h"
#include "functions.h"
#include "napi_config.h"
#include "wrap_kernel_job.h"
#include "place_image_job.h"
#include "profile_job.h"
#include "run_classifier_job.h"
#include "wrap_flow.h"
#include "wrap_flow_trainer.h"
#include "wrap_model.h"
#include "wrap_trainer.h"

namespace densehybrid::addon {
namespace {

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  install_caching_allocator();
  auto* data = new AddonData(env);
  env.SetInstanceData(data);
  // Before the environment goes, and while handles may still be freed: stop the queue.
  env.AddCleanupHook([data] { data->queue->shutdown(); });
  ModelWrap::define(env);
  TrainerWrap::define(env);
  KernelJobWrap::define(env);
  FlowWrap::define(env);
  FlowTrainerWrap::define(env);
  exports.Set("info", Napi::Function::New<info>(env, "info"));
  exports.Set("setThreads", Napi::Function::New<set_threads>(env, "setThreads"));
  exports.Set("architectures", Napi::Function::New<ModelWrap::list_architectures>(env, "architectures"));
  exports.Set("createModel", Napi::Function::New<ModelWrap::create>(env, "createModel"));
  exports.Set("createScriptedModel", Napi::Function::New<ModelWrap::create_scripted>(env, "createScriptedModel"));
  exports.Set("profileModel", Napi::Function::New<profile_job>(env, "profileModel"));
  exports.Set("placeImage", Napi::Function::New<place_image_job>(env, "placeImage"));
  exports.Set("createTrainer", Napi::Function::New<TrainerWrap::create>(env, "createTrainer"));
  exports.Set("flowArchitectures", Napi::Function::New<FlowWrap::list_architectures>(env, "flowArchitectures"));
  exports.Set("createFlow", Napi::Function::New<FlowWrap::create>(env, "createFlow"));
  exports.Set("createFlowTrainer", Napi::Function::New<FlowTrainerWrap::create>(env, "createFlowTrainer"));
  exports.Set("flowLayer", Napi::Function::New<run_flow_layer_job>(env, "flowLayer"));
  exports.Set("runClassifier", Napi::Function::New<run_classifier_job>(env, "runClassifier"));
  exports.Set("hybridScore", Napi::Function::New<run_hybrid_score>(env, "hybridScore"));
  exports.Set("hybridLoss", Napi::Function::New<run_hybrid_loss>(env, "hybridLoss"));
  exports.Set("prepareHybridScore", Napi::Function::New<KernelJobWrap::prepare_score>(env, "prepareHybridScore"));
  exports.Set("prepareHybridLoss", Napi::Function::New<KernelJobWrap::prepare_loss>(env, "prepareHybridLoss"));
  exports.Set("memoryBandwidth", Napi::Function::New<run_memory_bandwidth>(env, "memoryBandwidth"));
  exports.Set("jensenShannon", Napi::Function::New<run_jensen_shannon>(env, "jensenShannon"));
  exports.Set("readSafetensors", Napi::Function::New<run_read_safetensors>(env, "readSafetensors"));
  exports.Set("readSafetensorsHeader", Napi::Function::New<run_read_safetensors_header>(env, "readSafetensorsHeader"));
  exports.Set("writeSafetensors", Napi::Function::New<run_write_safetensors>(env, "writeSafetensors"));
  return exports;
}

}  // namespace
}  // namespace densehybrid::addon

static Napi::Object initialize_addon(Napi::Env env, Napi::Object exports) {
  return densehybrid::addon::initialize(env, exports);
}

NODE_API_MODULE(densehybrid, initialize_addon)
