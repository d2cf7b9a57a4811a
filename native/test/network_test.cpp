#include <ATen/CPUGeneratorImpl.h>
#include <c10/core/GradMode.h>

#include "models/checkpoint.h"
#include "models/deeplabv3plus.h"
#include "models/profile.h"
#include "models/registry.h"
#include "models/resnet.h"
#include "models/wide_resnet.h"
#include "training/trainer.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;

namespace {

// Every stage of WideResNet-38, with few channels and blocks.
const WideResNetSpec kTinyWide = {.stem_channels = 4,
                                  .stages = {{.blocks = 1, .channels = {6, 6}, .pool = true},
                                             {.blocks = 1, .channels = {6, 6}, .pool = true},
                                             {.blocks = 2, .channels = {8, 8}, .stride = 2},
                                             {.blocks = 1, .channels = {6, 8}, .dilation = 2},
                                             {.blocks = 1, .channels = {4, 6, 10}, .dilation = 4, .dropout = 0.3}}};
const DeepLabV3PlusSpec kTinyDecoder = {.rates = {1, 2}, .channels = 6, .low_level_channels = 3, .align_corners = true};

at::Tensor image_of(int64_t height, int64_t width, at::ScalarType dtype = at::kFloat) {
  return at::randn({2, 3, height, width}, dtype).contiguous(at::MemoryFormat::ChannelsLast);
}

std::shared_ptr<SegmentationModel> make(const std::string& architecture) {
  return create_model({.architecture = architecture, .classes = 4, .options = {}, .seed = 1});
}

std::map<std::string, at::Tensor> gradients_of(SegmentationModel& model, const at::Tensor& image, ForwardContext context) {
  const c10::AutoGradMode with_gradients(true);
  context.training = true;
  const auto output = model.forward(image, context);
  (output.logits.pow(2).mean() + output.ood_logits.pow(2).mean()).backward();
  std::map<std::string, at::Tensor> gradients;
  for (const auto& entry : model.state().entries()) {
    if (!entry.tensor.grad().defined()) continue;
    gradients[entry.name] = entry.tensor.grad().clone();
    entry.tensor.mutable_grad().reset();
  }
  return gradients;
}

std::map<std::string, at::Tensor> values_of(const SegmentationModel& model) {
  std::map<std::string, at::Tensor> values;
  for (const auto& entry : model.state().entries()) values[entry.name] = entry.tensor.detach().clone();
  return values;
}

struct Batch {
  at::Tensor images = at::randint(0, 256, {2, 64, 96, 3}, at::kByte);
  at::Tensor labels = at::randint(0, 4, {2, 64, 96}, at::kByte);
  Batch() { labels.slice(1, 0, 16).fill_(254); }
  TrainingBatch training() const { return {images, labels, {}, 0}; }
};

}  // namespace

TEST_CASE("backbones have the published numbers of parameters") {
  // torchvision's resnet18/50/101 without their linear layers have 11 176 512, 23 508 032 and 42 500 160.
  const auto backbone_count = [](const std::string& name) {
    int64_t count = 0;
    const auto model = make(name);
    for (const auto& entry : model->state().entries()) {
      if (entry.trainable && entry.part == Part::backbone) count += entry.tensor.numel();
    }
    return count;
  };
  CHECK(backbone_count("deeplabv3plus-resnet18") == 11'176'512);
  CHECK(backbone_count("deeplabv3plus-resnet50") == 23'508'032);
  CHECK(backbone_count("ladder-resnet101") == 42'500'160);
  // torchvision's densenet169 has 14 149 480, of them 1 665 000 in its linear layer and 3 328 in the norm before it.
  CHECK(backbone_count("ladder-densenet169") == 12'481'152);
}

TEST_CASE("output stride: the deepest map keeps its resolution, the logits keep theirs") {
  const c10::NoGradGuard no_grad;
  for (const int64_t stride : {8, 16, 32}) {
    StateDict state(0, at::kCPU);
    const ResNet resnet(state, "backbone", {.blocks = {1, 1, 1, 1}, .bottleneck = true, .output_stride = stride});
    const BackboneFeatures features = resnet.forward(image_of(64, 96), {});
    CHECK(features.deepest.size(2) == 64 / stride);
    CHECK(features.deepest.size(3) == 96 / stride);
    CHECK(features.skips.front().size(2) == 16);
  }
  CHECK_THROWS_WITH(create_model({.architecture = "deeplabv3plus-resnet18", .classes = 3, .options = {{"outputStride", 12.0}}}),
                    doctest::Contains("12"));
}

TEST_CASE("checkpointing: the same gradients, running statistics updated once, the same dropout") {
  for (const char* name : {"deeplabv3plus-resnet18", "ladder-densenet-tiny", "ladder-resnet18", "ladder-mobilenetv2"}) {
    CAPTURE(name);
    const auto plain = make(name);
    const auto recomputed = make(name);
    const at::Tensor image = image_of(64, 96);
    const auto expected = gradients_of(*plain, image, {});
    ForwardContext context;
    context.checkpointing = true;
    const auto gradients = gradients_of(*recomputed, image, context);
    CHECK(gradients.size() == expected.size());
    for (const auto& [parameter, gradient] : expected) {
      CAPTURE(parameter);
      const double largest = gradient.abs().max().item<double>();
      CHECK((gradients.at(parameter) - gradient).abs().max().item<double>() <= 1e-4 * largest + 1e-9);
    }
    const auto statistics = values_of(*plain);
    for (const auto& [tensor, value] : values_of(*recomputed)) CHECK(at::equal(value, statistics.at(tensor)));
  }
}

TEST_CASE("checkpointing: a backward pass to the image alone leaves the parameters' gradients alone") {
  const auto model = make("ladder-densenet-tiny");
  ForwardContext context;
  context.training = true;
  context.checkpointing = true;
  const at::Tensor image = image_of(64, 96).requires_grad_(true);
  const auto output = model->forward(image, context);
  output.logits.sum().backward({}, /*retain_graph=*/true, /*create_graph=*/false, {{image}});
  CHECK(image.grad().defined());
  for (const auto& entry : model->state().entries()) CHECK_FALSE(entry.tensor.grad().defined());
  const at::Tensor alone = image.grad().clone();
  image.mutable_grad().reset();
  output.logits.sum().backward();
  CHECK(at::allclose(image.grad(), alone, 1e-4, 1e-6));
  CHECK(model->state().find("backbone.features.conv0.weight")->tensor.grad().defined());
}

TEST_CASE("dropout of channels: by seed and layer, its mean is kept, none in evaluation") {
  const at::Tensor x = at::ones({4, 1000, 2, 2});
  ForwardContext context;
  CHECK(dropout_channels(x, 0.3, 0, context).is_same(x));
  context.training = true;
  const at::Tensor y = dropout_channels(x, 0.3, 0, context);
  CHECK(at::equal(y, dropout_channels(x, 0.3, 0, context)));
  CHECK_FALSE(at::equal(y, dropout_channels(x, 0.3, 1, context)));
  ForwardContext other = context;
  other.seed = 1;
  CHECK_FALSE(at::equal(y, dropout_channels(x, 0.3, 0, other)));
  CHECK(y.mean().item<double>() == doctest::Approx(1.0).epsilon(0.05));
  CHECK(at::equal(y.amax({2, 3}), y.amin({2, 3})));  // whole channels
  CHECK((y == 0).to(at::kFloat).mean().item<double>() == doctest::Approx(0.3).epsilon(0.1));
}

TEST_CASE("deeplabv3+ with a wide residual network: the slope in the image is that of finite differences") {
  StateDict state(3, at::kCPU);
  auto backbone = std::make_unique<WideResNet>(state, kTinyWide);
  const DeepLabV3Plus network(state, std::move(backbone), kTinyDecoder, 3);
  const auto loss = [&](const at::Tensor& image) {
    const auto output = network.forward(image.contiguous(at::MemoryFormat::ChannelsLast), {});
    return output.logits.pow(2).mean() + output.ood_logits.pow(2).mean();
  };
  // Along the gradient, where the slope is its length. float32, and a few ReLUs and maxima change sides on the way: one
  // image may be a little off, most are not.
  int agree = 0;
  for (uint64_t seed = 0; seed < 9; ++seed) {
    at::Tensor x = at::randn({1, 3, 16, 24}, at::detail::createCPUGenerator(seed)).requires_grad_(true);
    const at::Tensor value = loss(x);
    CHECK(value.item<double>() > 1e-4);
    value.backward();
    const double slope = x.grad().norm().item<double>();
    const at::Tensor direction = x.grad() / slope;
    const double step = 1e-3;
    const double numeric = (loss(x + step * direction) - loss(x - step * direction)).item<double>() / (2 * step);
    if (std::abs(slope - numeric) < 0.02 * slope) ++agree;
    INFO("slope ", slope, " by differences ", numeric);
    CHECK(std::abs(slope - numeric) < 0.2 * slope);
  }
  CHECK(agree >= 7);
}

TEST_CASE("frozen parts: weights and running statistics stay, the rest is trained") {
  const Batch batch;
  for (const Freeze freeze : {Freeze::backbone, Freeze::all_but_head}) {
    for (const char* name : {"deeplabv3plus-resnet18", "ladder-densenet-tiny"}) {
      CAPTURE(name);
      const auto model = make(name);
      const auto before = values_of(*model);
      {
        TrainerOptions options;
        options.hybrid = true;
        options.freeze = freeze;
        Trainer trainer(model, options);
        trainer.step(batch.training(), {1e-2, 0.0}, false, {});
        trainer.step(batch.training(), {1e-2, 0.0}, false, {});
      }
      int changed = 0;
      for (const auto& entry : model->state().entries()) {
        const bool frozen = freeze == Freeze::backbone ? entry.part == Part::backbone : entry.part != Part::open_set_head;
        const bool same = at::equal(entry.tensor, before.at(entry.name));
        if (frozen) CHECK_MESSAGE(same, entry.name);
        else changed += same ? 0 : 1;
        CHECK(entry.tensor.requires_grad() == entry.trainable);  // as it was before the trainer
      }
      CHECK(changed > 3);
    }
  }
}

TEST_CASE("a frozen backbone gives the gradients that the others have without it") {
  const Batch batch;
  const auto model = make("ladder-densenet-tiny");
  TrainerOptions options;
  options.hybrid = true;
  options.freeze = Freeze::backbone;
  Trainer trainer(model, options);
  const StepResult result = trainer.step(batch.training(), {0.0, 0.0}, true, {});
  for (const auto& [name, gradient] : result.gradients) CHECK(model->state().find(name)->part != Part::backbone);
  CHECK(result.gradients.size() > 10);
}

TEST_CASE("profile: products of a network that is counted by hand, and less training memory with checkpointing") {
  ModelConfig config{.architecture = "deeplabv3plus-resnet18", .classes = 4, .options = {{"outputStride", 16.0}}};
  const ModelProfile plain = profile_model(config, {1, 128, 192}, {2, 128, 192}, false);
  const ModelProfile less = profile_model(config, {1, 128, 192}, {2, 128, 192}, true);
  CHECK(plain.parameters == create_model(config)->state().parameter_count());
  CHECK(plain.flops == less.flops);
  CHECK(plain.inference_bytes == less.inference_bytes);
  CHECK(less.training_bytes < plain.training_bytes);
  CHECK(plain.training_bytes > plain.inference_bytes + 12 * plain.parameters);
  // Twice the images: twice the products. The stem alone has 2 · 64 · 64 · 96 · 3 · 49 per image.
  CHECK(profile_model(config, {2, 128, 192}, {2, 128, 192}, false).flops == doctest::Approx(2 * plain.flops));
  CHECK(plain.flops > 2.0 * 64 * 64 * 96 * 147);
  // torchvision states 1.81 GFLOPs (multiply-adds) for resnet18 at 224×224; stage 4 at stride 16 and the decoder add to it.
  ModelConfig ladder{.architecture = "ladder-resnet18", .classes = 4, .options = {}};
  CHECK(profile_model(ladder, {1, 224, 224}, {2, 224, 224}, false).flops > 2 * 1.8e9);
}
