#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include "models/pad.h"
#include "models/registry.h"
#include "training/trainer.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;
using densehybrid::test::TemporaryFolder;

namespace {

std::shared_ptr<SegmentationModel> make(const std::string& architecture, Options options = {}, uint64_t seed = 1) {
  return create_model({.architecture = architecture, .classes = 5, .options = std::move(options), .seed = seed});
}

struct Batch {
  at::Tensor images = at::randint(0, 256, {2, 64, 96, 3}, at::kByte);
  at::Tensor labels = at::randint(0, 5, {2, 64, 96}, at::kByte);
};

// Every tensor of the state dict, for comparing before and after.
std::vector<at::Tensor> copy_of(const SegmentationModel& model) {
  std::vector<at::Tensor> copies;
  for (const auto& entry : model.state().entries()) copies.push_back(entry.tensor.detach().clone());
  return copies;
}

bool same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i], b[i])) return false;
  }
  return a.size() == b.size();
}

// Norms that differ from channel to channel, as after training.
void spread_norms(const SegmentationModel& model) {
  const c10::NoGradGuard no_grad;
  for (const auto& entry : model.state().entries()) {
    const bool variance = entry.name.ends_with("running_var");
    if (!entry.tensor.is_floating_point() || entry.tensor.dim() != 1) continue;
    at::Tensor tensor = entry.tensor;
    if (variance || entry.name.ends_with("weight")) tensor.uniform_(0.5, 1.5);
    else tensor.uniform_(-0.3, 0.3);
  }
}

// The largest difference, relative to the largest expected value.
double difference(const at::Tensor& value, const at::Tensor& expected) {
  const at::Tensor wide = expected.detach().to(at::kFloat);
  return ((value.to(at::kFloat) - wide).abs().max() / wide.abs().max()).item<double>();
}

double relative_error(const at::Tensor& value, const at::Tensor& expected) {
  const at::Tensor wide = expected.detach();
  return ((value.to(at::kFloat) - wide).norm() / wide.norm()).item<double>();
}

}  // namespace

TEST_CASE("every architecture maps images to logits at its stride, for any size and both precisions") {
  const c10::NoGradGuard no_grad;
  for (const Architecture& architecture : architectures()) {
    CAPTURE(architecture.name);
    const auto model = make(architecture.name);
    for (const auto& size : {std::pair<int64_t, int64_t>{64, 96}, {70, 101}}) {
      const at::Tensor images = at::randint(0, 256, {1, size.first, size.second, 3}, at::kByte);
      const auto output = model->forward(model->prepare(images, at::kFloat), {});
      CHECK(output.logits.size(1) == 5);
      CHECK(output.ood_logits.size(1) == 2);
      CHECK(std::abs(output.logits.size(2) - size.first / architecture.stride) <= 1);
      CHECK(at::isfinite(output.logits).all().item<bool>());
      const auto half = model->forward(model->prepare(images, at::kBFloat16), {});
      CHECK((half.logits.to(at::kFloat) - output.logits).abs().mean().item<double>() < 0.1 * output.logits.abs().mean().item<double>());
    }
  }
}

TEST_CASE("without gradients the fused path gives what the layers one after another give") {
  for (const auto& [name, options] : std::vector<std::pair<std::string, Options>>{
           {"ladder-densenet121", {}},
           {"ladder-densenet-tiny", {}},
           {"ladder-mobilenetv2", {}},
           {"ladder-mobilenetv2", {{"padding", std::string("same")}, {"batchNorm", false}}},
           {"ladder-resnet18", {}},
           {"deeplabv3plus-resnet18", {{"outputStride", 8.0}}},
           {"deeplabv3plus-resnet50", {}}}) {
    CAPTURE(name);
    const auto model = make(name, options);
    spread_norms(*model);
    for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{{64, 96}, {70, 101}, {33, 47}}) {
      CAPTURE(height);
      const at::Tensor images = at::randint(0, 256, {2, height, width, 3}, at::kByte);
      // By name: the maps inside the network and both outputs.
      const auto maps_of = [&](at::ScalarType dtype) {
        std::map<std::string, at::Tensor> maps;
        ForwardContext context;
        context.probes = &maps;
        const auto output = model->forward(model->prepare(images, dtype), context);
        maps["logits"] = output.logits;
        maps["oodLogits"] = output.ood_logits;
        return maps;
      };
      const auto expected = maps_of(at::kFloat);  // with gradients: one layer after another
      const auto expected_half = maps_of(at::kBFloat16);
      CHECK(expected.at("logits").requires_grad());
      const c10::InferenceMode inference;
      const auto fused = maps_of(at::kFloat);
      const auto fused_half = maps_of(at::kBFloat16);
      CHECK(fused.size() == expected.size());
      CHECK(fused_half.size() == expected.size());
      // In bf16 both ways round; over all maps the fused one must not be worse.
      double fused_error = 0.0;
      double layers_error = 0.0;
      for (const auto& [map_name, value] : expected) {
        CAPTURE(map_name);
        CHECK(difference(fused.at(map_name), value) < 5e-5);
        CHECK((fused_half.at(map_name).scalar_type() == at::kBFloat16));
        fused_error += relative_error(fused_half.at(map_name), value);
        layers_error += relative_error(expected_half.at(map_name), value);
      }
      CHECK(fused_error < 1.25 * layers_error);
    }
  }
}

TEST_CASE("the fused path sees weights that changed after a first forward pass") {
  const Batch batch;
  for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
    const auto model = make("ladder-densenet-tiny");
    const auto logits_of = [&](SegmentationModel& of) {
      const c10::InferenceMode inference;
      return of.forward(of.prepare(batch.images, dtype), {}).logits;
    };
    const at::Tensor before = logits_of(*model);
    CHECK(at::equal(logits_of(*model), before));
    {
      Trainer trainer(model, {});
      trainer.step({batch.images, batch.labels, {}, 0}, {1e-2, 0.0}, false, {});
    }
    const auto fresh = make("ladder-densenet-tiny", {}, 9);
    fresh->state().load(model->state().named_tensors(), true);
    const at::Tensor trained = logits_of(*model);
    CHECK_FALSE(at::equal(trained, before));
    CHECK(at::equal(trained, logits_of(*fresh)));
    {
      const c10::InferenceMode inference;  // as the addon's jobs may be
      model->state().load(make("ladder-densenet-tiny")->state().named_tensors(), true);
    }
    CHECK(at::equal(logits_of(*model), before));
    // Only one weight, by an optimiser's step alone.
    Adam adam(model->state(), {});
    const auto& entry = *model->state().find("spp.spp.spp.spp_bn.conv.weight");
    at::Tensor weight = entry.tensor;
    weight.mutable_grad() = at::ones_like(weight);
    adam.step(1e-1);
    CHECK_FALSE(at::equal(logits_of(*model), before));
  }
}

TEST_CASE("a missing value in the image reaches the logits on the fused path") {
  const c10::InferenceMode inference;
  for (const Architecture& architecture : architectures()) {
    const auto model = make(architecture.name);
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      at::Tensor x = model->prepare(at::randint(0, 256, {1, 64, 96, 3}, at::kByte), dtype);
      x[0][1][20][30] = std::nan("");
      CHECK(at::isnan(model->forward(x, {}).logits).any().item<bool>());
    }
  }
}

TEST_CASE("the seed decides the initial weights") {
  CHECK(same(copy_of(*make("ladder-densenet-tiny", {}, 7)), copy_of(*make("ladder-densenet-tiny", {}, 7))));
  CHECK_FALSE(same(copy_of(*make("ladder-densenet-tiny", {}, 7)), copy_of(*make("ladder-densenet-tiny", {}, 8))));
}

TEST_CASE("unknown architectures and options are named") {
  CHECK_THROWS_WITH(make("ladder-densenet122"), doctest::Contains("ladder-densenet122"));
  CHECK_THROWS_WITH(make("ladder-mobilenetv2", {{"paddding", std::string("same")}}), doctest::Contains("paddding"));
  CHECK_THROWS_WITH(make("ladder-mobilenetv2", {{"padding", std::string("full")}}), doctest::Contains("full"));
  CHECK_THROWS_WITH(make("ladder-mobilenetv2", {{"padding", true}}), doctest::Contains("wrong type"));
}

TEST_CASE("padding same puts the odd row and column at the bottom and right") {
  StateDict state(0, at::kCPU);
  const Conv2d conv(state, "c", {.in = 1, .out = 1, .kernel = 3, .stride = 2, .padding = Padding::same});
  const at::Tensor x = at::randn({1, 1, 6, 8});
  const at::Tensor expected = at::conv2d(at::constant_pad_nd(x, {0, 1, 0, 1}), state.find("c.weight")->tensor, {}, 2);
  CHECK(at::allclose(conv.forward(x), expected, 1e-5, 1e-6));
  CHECK(conv.forward(at::randn({1, 1, 7, 9})).size(2) == 4);  // ceil(7 / 2), one row on each side
}

TEST_CASE("a 1×1 convolution as a matrix product equals the convolution, in value and gradient") {
  StateDict state(0, at::kCPU);
  const Conv2d conv(state, "c", {.in = 6, .out = 4, .bias = true});
  const at::Tensor& weight = state.find("c.weight")->tensor;
  const at::Tensor x = at::randn({2, 6, 5, 7}).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor direct = at::conv2d(x, weight, state.find("c.bias")->tensor);
  CHECK(at::allclose(conv.forward(x), direct, 1e-5, 1e-6));
  conv.forward(x).pow(2).sum().backward();
  const at::Tensor gradient = weight.grad().clone();
  weight.mutable_grad().reset();
  direct.pow(2).sum().backward();
  CHECK(at::allclose(gradient, weight.grad(), 1e-4, 1e-4));
}

TEST_CASE("trainer: the loss falls, terms add up, resume is exact") {
  const TemporaryFolder folder;
  const Batch batch;
  TrainerOptions options;
  options.hybrid = true;
  at::Tensor labels = batch.labels.clone();
  labels.slice(1, 0, 16).fill_(254);
  const auto model = make("ladder-densenet-tiny");
  Trainer trainer(model, options);
  std::vector<double> losses;
  for (int i = 0; i < 8; ++i) {
    const StepResult result = trainer.step({batch.images, labels, {}, 0}, {1e-3, 0.0}, false, {});
    CHECK(result.total == doctest::Approx(result.cls + 0.03 * result.x + 0.3 * result.d).epsilon(1e-5));
    losses.push_back(result.total);
    if (i == 3) trainer.save(folder / "state.safetensors", {{"epoch", "3"}});
  }
  CHECK(losses.back() < losses.front());

  const auto other = make("ladder-densenet-tiny", {}, 99);
  Trainer resumed(other, options);
  CHECK(resumed.load(folder / "state.safetensors").at("epoch") == "3");
  CHECK(resumed.steps() == 4);
  for (int i = 4; i < 8; ++i) CHECK(resumed.step({batch.images, labels, {}, 0}, {1e-3, 0.0}, false, {}).total == losses[static_cast<size_t>(i)]);
  CHECK(same(copy_of(*model), copy_of(*other)));
}

TEST_CASE("trainer: one at a time, and a failed or cancelled step changes nothing") {
  const Batch batch;
  const auto model = make("ladder-densenet-tiny");
  Trainer trainer(model, {});
  CHECK_THROWS_WITH(Trainer(model, {}), doctest::Contains("already has a trainer"));
  trainer.step({batch.images, batch.labels, {}, 0}, {1e-3, 0.0}, false, {});
  const at::Tensor& weight = model->state().find("logits.conv.weight")->tensor;
  {
    const c10::NoGradGuard no_grad;
    weight.fill_(std::nan(""));
  }
  const auto before = copy_of(*model);
  CHECK_THROWS_WITH(trainer.step({batch.images, batch.labels, {}, 0}, {1e-3, 0.0}, false, {}), doctest::Contains("not finite"));
  const auto after = copy_of(*model);
  for (size_t i = 0; i < before.size(); ++i) CHECK(at::equal(before[i].nan_to_num(-1), after[i].nan_to_num(-1)));
  const uint8_t cancel = 1;
  CHECK_THROWS_WITH(trainer.step({batch.images, batch.labels, {}, 0}, {1e-3, 0.0}, false, CancelToken(&cancel)), doctest::Contains("aborted"));
}

TEST_CASE("adam: one step equals the definition") {
  StateDict state(0, at::kCPU);
  state.begin(Part::backbone);
  at::Tensor backbone = state.add_constant("conv.w", {3}, 1.0, true);
  state.begin(Part::decoder);
  at::Tensor head = state.add_constant("head.w", {3}, 1.0, true);
  state.add_constant("unused.w", {3}, 1.0, true);
  Adam adam(state, {.eps = 1e-7, .backbone_factor = 0.25});
  at::Tensor m = at::zeros({3}), v = at::zeros({3}), expected = at::ones({3});
  for (int t = 1; t <= 3; ++t) {
    adam.zero_gradients();
    const at::Tensor g = at::tensor({0.5, -2.0, 1e-3}, at::kFloat) * t;
    backbone.mutable_grad() = g.clone();
    head.mutable_grad() = g.clone();
    adam.step(0.1);
    m = 0.9 * m + 0.1 * g;
    v = 0.999 * v + 0.001 * g * g;
    expected = expected - 0.1 * (m / (1 - std::pow(0.9, t))) / ((v / (1 - std::pow(0.999, t))).sqrt() + 1e-7);
    CHECK(at::allclose(head.detach(), expected, 1e-5, 1e-6));
    CHECK(at::allclose(backbone.detach() - 1, (expected - 1) * 0.25, 1e-4, 1e-6));
  }
  CHECK(at::equal(state.find("unused.w")->tensor.detach(), at::ones({3})));
}

TEST_CASE("pad_channels_last: value and gradient are those of zero padding") {
  const at::Tensor x = at::randn({2, 3, 4, 5}, at::kDouble).contiguous(at::MemoryFormat::ChannelsLast);
  CHECK(at::equal(pad_channels_last(x, 0, 1, 2, 3), at::constant_pad_nd(x, {0, 1, 2, 3})));
  const at::Tensor weight = at::randn({2, 3, 9, 6}, at::kDouble);
  CHECK(test::gradient_error(x, [&](const at::Tensor& y) { return (pad_channels_last(y, 0, 1, 2, 3) * weight).sum(); }) < 1e-8);
}
