#include "flow/flow_layer.h"

#include <ATen/TensorOperators.h>
#include <c10/core/GradMode.h>

#include <functional>
#include <memory>

#include "flow/actnorm.h"
#include "flow/channel_switch.h"
#include "flow/conv1x1.h"
#include "flow/coupling.h"
#include "flow/dense_block.h"
#include "flow/dequantization.h"
#include "flow/squeeze.h"
#include "flow/transition.h"

namespace densehybrid {
namespace {

int64_t size_of(const FlowLayerJob& job, const std::string& name) {
  const auto found = job.sizes.find(name);
  if (found == job.sizes.end()) throw Error("INVALID_ARGUMENT", "Layer " + job.layer + " needs the size " + name + ".");
  return found->second;
}

CouplingNetSpec net_spec(const FlowLayerJob& job) {
  return {.mid = size_of(job, "mid"),
          .depth = size_of(job, "depth"),
          .growth = size_of(job, "netGrowth"),
          .attention = size_of(job, "attention") != 0};
}

using MakeBijection = std::function<std::unique_ptr<Bijection>(StateDict&, const FlowLayerJob&, int64_t channels)>;

const std::map<std::string, MakeBijection>& bijections() {
  static const std::map<std::string, MakeBijection> known = {
      {"actnorm", [](auto& state, auto&, int64_t c) { return std::make_unique<ActNorm>(state, "", c); }},
      {"conv1x1", [](auto& state, auto&, int64_t c) { return std::make_unique<InvertibleConv1x1>(state, "", c); }},
      {"coupling",
       [](auto& state, auto& job, int64_t c) { return std::make_unique<AffineCoupling>(state, "", c, net_spec(job)); }},
      {"squeeze", [](auto&, auto&, int64_t) { return std::make_unique<Squeeze>(); }},
      {"channelSwitch", [](auto&, auto&, int64_t) { return std::make_unique<ChannelSwitch>(); }},
      {"transition", [](auto& state, auto&, int64_t) { return std::make_unique<Transition>(state, ""); }},
      {"denseBlock",
       [](auto& state, auto& job, int64_t c) {
         return std::make_unique<DenseBlock>(state, "",
                                             DenseBlockSpec{.channels = c,
                                                            .units = size_of(job, "units"),
                                                            .layers = size_of(job, "layers"),
                                                            .growth = size_of(job, "growth"),
                                                            .net = {}});
       }},
  };
  return known;
}

NamedTensors run_bijection(const Bijection& bijection, const StateDict& state, const FlowLayerJob& job, Draws& draws) {
  const c10::AutoGradMode with_gradients(true);
  std::map<std::string, at::Tensor> probes;
  FlowContext context(draws);
  const auto* actnorm = dynamic_cast<const ActNorm*>(&bijection);
  context.training = actnorm != nullptr && !actnorm->initialised();
  context.probes = &probes;
  const at::Tensor input = job.input.clone().requires_grad_(true);
  const FlowStep step = bijection.forward(input, context);
  const NamedTensors forward_probes(probes.begin(), probes.end());
  (step.value.square().sum() * 0.5 - step.log_det.sum()).backward();
  NamedTensors result = {{"value", step.value}, {"log_det", step.log_det}, {"grad.input", input.grad()}};
  for (const auto& probe : forward_probes) result.push_back(probe);
  result.emplace_back("inverse", bijection.inverse(step.value.detach(), context));
  for (const auto& entry : state.entries()) {
    result.emplace_back("state." + entry.name, entry.tensor);
    if (entry.trainable && entry.tensor.grad().defined()) result.emplace_back("grad." + entry.name, entry.tensor.grad());
  }
  return result;
}

NamedTensors run_dequantization(const Dequantization& dequantization, const at::Tensor& input, Draws& draws) {
  std::map<std::string, at::Tensor> probes;
  FlowContext context(draws);
  context.probes = &probes;
  const FlowStep step = dequantization.forward(input, context);
  NamedTensors result = {{"value", step.value}, {"log_det", step.log_det}};
  result.insert(result.end(), probes.begin(), probes.end());
  return result;
}

}  // namespace

NamedTensors run_flow_layer(const FlowLayerJob& job, Draws& draws) {
  StateDict state(0, at::kCPU);
  const at::Tensor& x = job.input;
  const int64_t channels = x.dim() == 4 ? x.size(1) : 0;
  const auto load = [&] {
    const LoadReport report = state.load(job.state, /*strict=*/false);
    if (report.unexpected.empty()) return;
    throw Error("ARCHITECTURE_MISMATCH", "Layer " + job.layer + " has no tensor " + report.unexpected.front() + ".");
  };
  if (const auto found = bijections().find(job.layer); found != bijections().end()) {
    const auto bijection = found->second(state, job, channels);
    load();
    return run_bijection(*bijection, state, job, draws);
  }
  const c10::NoGradGuard no_grad;
  if (job.layer == "gatedConv") {
    const GatedConv conv(state, "", channels, size_of(job, "out"), size_of(job, "kernel"));
    load();
    return {{"value", conv.forward(x)}};
  }
  if (job.layer == "nystromAttention") {
    const NystromAttention attention(state, "", channels, size_of(job, "embedding"));
    load();
    return {{"value", attention.forward(x)}};
  }
  if (job.layer == "convNormal") {  // the input's log-density, and a sample of N×H×W given as sizes
    const ConvNormal normal(state, "", channels);
    load();
    return {{"log_prob", normal.log_prob(x)},
            {"sample", normal.sample(size_of(job, "n"), size_of(job, "height"), size_of(job, "width"), draws)}};
  }
  if (job.layer == "quantise") return {{"value", quantise(x)}};
  if (job.layer == "uniformDequantization") {
    const UniformDequantization uniform(state, "");
    load();
    return run_dequantization(uniform, x, draws);
  }
  if (job.layer == "variationalDequantization") {
    const VariationalDequantization variational(state, "", 4, 64);
    load();
    return run_dequantization(variational, x, draws);
  }
  throw Error("INVALID_ARGUMENT", "Unknown flow layer " + job.layer + ".");
}

}  // namespace densehybrid
