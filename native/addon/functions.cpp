#include "functions.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "addon_data.h"
#include "common/cpu_path.h"
#include "ops/jensen_shannon/jensen_shannon.h"
#include "op_arguments.h"

namespace densehybrid::addon {
namespace {

std::string path_argument(const Napi::CallbackInfo& info) {
  if (!info[0].IsString()) throw_invalid(info.Env(), "Expected a string for path.");
  return info[0].As<Napi::String>();
}

}  // namespace

Napi::Value info(const Napi::CallbackInfo& call) {
  const Napi::Env env = call.Env();
  Napi::Object object = Napi::Object::New(env);
  object.Set("version", DENSEHYBRID_VERSION);
  object.Set("libtorch", DENSEHYBRID_LIBTORCH_VERSION);
  object.Set("buildType", DENSEHYBRID_BUILD_TYPE);
  object.Set("cuda", Napi::Boolean::New(env, at::hasCUDA()));
  object.Set("threads", Napi::Number::New(env, AddonData::of(env).queue->threads()));
  Napi::Object cpu = Napi::Object::New(env);
  cpu.Set("avx512", Napi::Boolean::New(env, static_cast<bool>(__builtin_cpu_supports("avx512f"))));
  cpu.Set("bf16", Napi::Boolean::New(env, static_cast<bool>(__builtin_cpu_supports("avx512bf16"))));
  std::vector<std::string> paths;
  for (const CpuPath path : available_cpu_paths()) paths.push_back(to_string(path));
  cpu.Set("paths", to_js(env, paths));
  object.Set("cpu", cpu);
  Napi::Object device = Napi::Object::New(env);
  device.Set("type", "cpu");
  device.Set("index", Napi::Number::New(env, 0));
  device.Set("name", "CPU");
  device.Set("memory", Napi::Number::New(env, static_cast<double>(::sysconf(_SC_PHYS_PAGES)) *
                                                  static_cast<double>(::sysconf(_SC_PAGESIZE))));
  Napi::Array devices = Napi::Array::New(env);
  devices.Set(0u, device);
  const int cuda_devices = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  for (int i = 0; i < cuda_devices; ++i) {
    Napi::Object cuda = Napi::Object::New(env);
    cuda.Set("type", "cuda");
    cuda.Set("index", Napi::Number::New(env, i));
    cuda.Set("name", "CUDA device " + std::to_string(i));
    cuda.Set("memory", Napi::Number::New(env, 0));
    devices.Set(static_cast<uint32_t>(i + 1), cuda);
  }
  object.Set("devices", devices);
  return object;
}

Napi::Value set_threads(const Napi::CallbackInfo& call) {
  const double threads = call[0].IsNumber() ? call[0].As<Napi::Number>().DoubleValue() : 0;
  if (!(threads >= 1 && threads <= 1024)) throw_invalid(call.Env(), "Expected from 1 to 1024 threads.");
  AddonData::of(call.Env()).queue->set_threads(static_cast<int>(threads));
  return call.Env().Undefined();
}

Napi::Value run_hybrid_score(const Napi::CallbackInfo& call) {
  std::vector<Napi::ObjectReference> references;
  const ScoreArguments arguments = score_arguments(call, references);
  const uint8_t* flag = cancel_argument(call[3], references);
  return run_async<HybridScoreResult>(
      call.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        const c10::InferenceMode inference;
        return hybrid_score(arguments.logits.tensor(), arguments.ood_logits.tensor(), arguments.options, cancel);
      },
      [](Napi::Env env, HybridScoreResult& result) { return to_js(env, result); });
}

Napi::Value run_hybrid_loss(const Napi::CallbackInfo& call) {
  std::vector<Napi::ObjectReference> references;
  const LossArguments arguments = loss_arguments(call, references);
  const uint8_t* flag = cancel_argument(call[4], references);
  return run_async<LossResult>(
      call.Env(), std::move(references), flag,
      [=](const CancelToken& cancel) {
        return loss_and_gradients(arguments.logits.tensor(), arguments.ood_logits.tensor(), arguments.labels.tensor(),
                                  arguments.options, cancel);
      },
      [](Napi::Env env, LossResult& result) { return to_js(env, result); });
}

Napi::Value run_memory_bandwidth(const Napi::CallbackInfo& call) {
  const at::Device device = device_argument(required_object(call[0], "options"));
  return run_async<double>(
      call.Env(), {}, nullptr,
      [device](const CancelToken& cancel) {
        constexpr int64_t kBytes = 256 << 20;  // beyond every cache
        constexpr int kCopies = 6;
        const c10::InferenceMode inference;
        const at::Tensor source = at::zeros({kBytes}, at::TensorOptions().dtype(at::kByte).device(device));
        const at::Tensor target = at::zeros_like(source);
        double best = 0.0;
        for (int i = 0; i < kCopies; ++i) {
          cancel.check();
          const auto start = std::chrono::steady_clock::now();
          at::Tensor(target).copy_(source);
          if (device.is_cuda()) at::detail::getCUDAHooks().deviceSynchronize(device.index());
          const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
          best = std::max(best, 2.0 * static_cast<double>(kBytes) / seconds.count());
        }
        return best;
      },
      [](Napi::Env env, double& bytes_per_second) -> Napi::Value { return Napi::Number::New(env, bytes_per_second); });
}

Napi::Value run_jensen_shannon(const Napi::CallbackInfo& call) {
  struct Result {
    double loss;
    at::Tensor map, grad_logits;
  };
  std::vector<Napi::ObjectReference> references;
  const TensorView logits = tensor_argument(call[0], "logits", references);
  const TensorView mask = tensor_argument(call[1], "mask", references);
  check_dtype(call.Env(), logits, 4, {at::kFloat, at::kDouble}, "logits");
  check_dtype(call.Env(), mask, 3, {at::kByte}, "mask");
  if (mask.shape[0] != logits.shape[0]) throw_invalid(call.Env(), "logits and mask differ in batch size.");
  const bool align_corners = optional_bool(required_object(call[2], "options"), "alignCorners", false);
  return run_async<Result>(
      call.Env(), std::move(references), nullptr,
      [=](const CancelToken&) {
        const c10::AutoGradMode with_gradients(true);
        const at::Tensor s = logits.tensor().requires_grad_(true);
        const auto result = jensen_shannon(s, mask.tensor(), align_corners);
        if (result.loss.requires_grad()) result.loss.backward();
        return Result{result.loss.item<double>(), result.map.contiguous(), gradient_of(s)};
      },
      [](Napi::Env env, Result& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("loss", result.loss);
        object.Set("map", to_js(env, result.map));
        object.Set("gradLogits", to_js(env, result.grad_logits));
        return object;
      });
}

Napi::Value run_read_safetensors(const Napi::CallbackInfo& call) {
  using Result = std::pair<NamedTensors, Metadata>;
  return run_async<Result>(
      call.Env(), {}, nullptr,
      [path = path_argument(call)](const CancelToken&) {
        Result result = read_safetensors(path);
        for (auto& [name, tensor] : result.first) {
          if (tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16) tensor = tensor.to(at::kFloat);
        }
        return result;
      },
      [](Napi::Env env, Result& result) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("tensors", to_js(env, result.first));
        object.Set("metadata", to_js(env, result.second));
        return object;
      });
}

Napi::Value run_read_safetensors_header(const Napi::CallbackInfo& call) {
  return run_async<SafetensorsHeader>(
      call.Env(), {}, nullptr,
      [path = path_argument(call)](const CancelToken&) { return read_safetensors_header(path); },
      [](Napi::Env env, SafetensorsHeader& header) -> Napi::Value {
        Napi::Object tensors = Napi::Object::New(env);
        for (const auto& entry : header.entries) {
          Napi::Array shape = Napi::Array::New(env, entry.shape.size());
          for (size_t i = 0; i < entry.shape.size(); ++i) {
            shape.Set(static_cast<uint32_t>(i), Napi::Number::New(env, static_cast<double>(entry.shape[i])));
          }
          Napi::Object description = Napi::Object::New(env);
          description.Set("dtype", safetensors_dtype(entry.dtype));
          description.Set("shape", shape);
          tensors.Set(entry.name, description);
        }
        Napi::Object object = Napi::Object::New(env);
        object.Set("tensors", tensors);
        object.Set("metadata", to_js(env, header.metadata));
        return object;
      });
}

Napi::Value run_write_safetensors(const Napi::CallbackInfo& call) {
  const std::string path = path_argument(call);
  std::vector<Napi::ObjectReference> references;
  const NamedTensors tensors = tensors_argument(call[1], "tensors", references);
  const Metadata metadata = metadata_argument(call[2]);
  return run_async<Nothing>(
      call.Env(), std::move(references), nullptr,
      [=](const CancelToken&) {
        write_safetensors(path, tensors, metadata);
        return Nothing{};
      },
      undefined);
}

}  // namespace densehybrid::addon
