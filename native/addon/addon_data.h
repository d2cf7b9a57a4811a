#pragma once

#include <memory>

#include "compute_queue.h"
#include "convert.h"
#include "napi_config.h"

namespace densehybrid::addon {

// Everything the addon knows, per environment: it may be loaded in several worker threads and outlives each of them.
struct AddonData {
  explicit AddonData(Napi::Env env) : queue(std::make_unique<ComputeQueue>(env)) {}

  std::unique_ptr<ComputeQueue> queue;
  Napi::FunctionReference model_constructor;
  Napi::FunctionReference trainer_constructor;
  Napi::FunctionReference kernel_job_constructor;
  Napi::FunctionReference flow_constructor;
  Napi::FunctionReference flow_trainer_constructor;

  static AddonData& of(Napi::Env env) { return *env.GetInstanceData<AddonData>(); }
};

// Queues `work` and returns the promise of its converted result.
template <typename Result>
Napi::Value run_async(Napi::Env env, std::vector<Napi::ObjectReference> references, const uint8_t* cancel_flag,
                      typename PromiseJob<Result>::Work work, typename PromiseJob<Result>::Convert convert) {
  auto job = std::make_unique<PromiseJob<Result>>(env, std::move(references), cancel_flag, std::move(work),
                                                  std::move(convert));
  const Napi::Promise promise = job->promise();
  AddonData::of(env).queue->submit(std::move(job));
  return promise;
}

// For work without a result.
struct Nothing {};
inline Napi::Value undefined(Napi::Env env, Nothing&) { return env.Undefined(); }

}  // namespace densehybrid::addon
