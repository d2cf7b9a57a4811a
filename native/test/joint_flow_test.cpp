#include <c10/core/GradMode.h>

#include "models/registry.h"
#include "ops/jensen_shannon/jensen_shannon.h"
#include "training/trainer.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;
using densehybrid::test::TemporaryFolder;

namespace {

constexpr uint64_t kSeed = 11;

std::shared_ptr<SegmentationModel> make_model() {
  ModelConfig config;
  config.architecture = "ladder-densenet-tiny";
  config.classes = 5;
  config.mean = {0.5, 0.4, 0.3};
  config.seed = 1;
  return create_model(config);
}

std::shared_ptr<DenseFlow> make_flow(bool initialise = true) {
  FlowConfig config = flow_architectures().back();
  config.units = {1, 1, 1};
  config.layers = {1, 1, 1};
  config.mid = {8, 8, 8};
  config.net_growth = 8;
  config.seed = 3;
  auto flow = std::make_shared<DenseFlow>(config);
  if (initialise) {
    Draws draws(uint64_t{5});
    flow->initialise(at::randint(0, 256, {8, 3, 16, 16}, at::kByte), draws);
  }
  return flow;
}

TrainingBatch make_batch() {
  TrainingBatch batch;
  batch.images = at::randint(0, 256, {3, 64, 96, 3}, at::kByte);
  batch.labels = at::randint(0, 5, {3, 64, 96}, at::kByte);
  batch.windows = {{0, 8, 16, 16, 24}, {1, 40, 0, 24, 16}, {2, 0, 72, 16, 24}};
  batch.seed = kSeed;
  for (const Window& w : batch.windows) {
    batch.labels.select(0, w.image).narrow(0, w.top, w.height).narrow(1, w.left, w.width).fill_(254);
  }
  return batch;
}

TrainerOptions hybrid() {
  TrainerOptions options;
  options.hybrid = true;
  return options;
}

std::unique_ptr<JointFlow> joint(const std::shared_ptr<DenseFlow>& flow, double jsd_weight, bool through = false) {
  JointFlowOptions options;
  options.jsd_weight = jsd_weight;
  options.through_segmentation = through;
  return std::make_unique<JointFlow>(flow, options);
}

std::map<std::string, at::Tensor> gradients_of(const StateDict& state) {
  std::map<std::string, at::Tensor> gradients;
  for (const auto& entry : state.entries()) {
    if (entry.trainable && entry.tensor.grad().defined()) gradients[entry.name] = entry.tensor.grad().clone();
  }
  return gradients;
}

// The same objective in one graph from the flow's parameters to the end.
struct Expected {
  double total, mle, jsd;
  std::map<std::string, at::Tensor> model, flow;
};

Expected one_graph(SegmentationModel& model, DenseFlow& flow, const TrainingBatch& batch, double jsd_weight,
                   bool through) {
  const c10::AutoGradMode with_gradients(true);
  Draws draws(kSeed);
  FlowContext sampling(draws);
  // In the order of sizes: 16×24 for images 0 and 2, then 24×16 for image 1.
  const at::Tensor wide = to_image(flow.sample(2, 16, 24, sampling)).image;
  const at::Tensor tall = to_image(flow.sample(1, 24, 16, sampling)).image;
  const at::Tensor mask = (batch.labels == 254).to(at::kByte);
  const auto pasted = [&](bool attached) {
    at::Tensor x = model.prepare(batch.images, at::kFloat).clone();
    const auto put = [&](const Window& w, const at::Tensor& sample) {
      x.select(0, w.image).narrow(1, w.top, w.height).narrow(2, w.left, w.width)
          .copy_(model.prepare((attached ? sample : sample.detach()).unsqueeze(0), at::kFloat)[0]);
    };
    put(batch.windows[0], wide[0]);
    put(batch.windows[2], wide[1]);
    put(batch.windows[1], tall[0]);
    return x;
  };
  ForwardContext context;
  context.training = true;
  const auto zero = [](const StateDict& state) {
    for (const auto& entry : state.entries()) at::Tensor(entry.tensor).mutable_grad() = at::Tensor();
  };
  zero(model.state());
  zero(flow.state());
  Expected expected;
  {
    const auto output = model.forward(pasted(through), context);
    const at::Tensor total = hybrid_loss(output.logits, output.ood_logits, batch.labels, HybridLossOptions{}).total;
    expected.total = total.item<double>();
    total.backward({}, /*retain_graph=*/true);
    expected.model = gradients_of(model.state());
  }
  {
    const auto output = model.forward(pasted(true), context);
    const at::Tensor jsd = jensen_shannon(output.logits, mask, false).loss;
    expected.jsd = jsd.item<double>();
    if (jsd_weight > 0) (jsd * jsd_weight).backward();
  }
  const auto crop = [&](const Window& w) {
    return batch.images.select(0, w.image).narrow(0, w.top, w.height).narrow(1, w.left, w.width).permute({2, 0, 1});
  };
  FlowContext likelihood(draws, true);
  const at::Tensor wide_crops = at::stack({crop(batch.windows[0]), crop(batch.windows[2])});
  const at::Tensor tall_crops = crop(batch.windows[1]).unsqueeze(0);
  const at::Tensor first = bits_per_dim(flow.log_prob(wide_crops, likelihood), wide_crops) * (2.0 / 3.0);
  const at::Tensor second = bits_per_dim(flow.log_prob(tall_crops, likelihood), tall_crops) * (1.0 / 3.0);
  expected.mle = first.item<double>() + second.item<double>();
  (first + second).backward();
  expected.flow = gradients_of(flow.state());
  zero(model.state());
  zero(flow.state());
  return expected;
}

double difference(const std::map<std::string, at::Tensor>& a, const std::map<std::string, at::Tensor>& b) {
  double worst = 0.0;
  double largest = 0.0;
  CHECK(a.size() == b.size());
  for (const auto& [name, tensor] : b) {
    REQUIRE(a.count(name) == 1);
    worst = std::max(worst, (a.at(name) - tensor).abs().max().item<double>());
    largest = std::max(largest, tensor.abs().max().item<double>());
  }
  return worst / largest;
}

std::vector<at::Tensor> copies(const StateDict& state) {
  std::vector<at::Tensor> result;
  for (const auto& entry : state.entries()) result.push_back(entry.tensor.detach().clone());
  return result;
}

bool unchanged(const StateDict& state, const std::vector<at::Tensor>& before) {
  for (size_t i = 0; i < before.size(); ++i) {
    if (!at::equal(state.entries()[i].tensor.detach(), before[i])) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("joint flow: the gradients are those of one graph from the flow to the losses") {
  for (const bool through : {false, true}) {
    for (const double jsd_weight : {0.0, 2.0}) {
      CAPTURE(through);
      CAPTURE(jsd_weight);
      at::manual_seed(1);
      const TrainingBatch batch = make_batch();
      const auto model = make_model();
      const auto flow = make_flow();
      const Expected expected = one_graph(*model, *flow, batch, jsd_weight, through);
      // A zero rate keeps the parameters, so that the norm of the gradient can be compared, too.
      auto part = joint(flow, jsd_weight, through);
      Trainer trainer(model, hybrid(), std::move(part));
      const StepResult result = trainer.step(batch, {0.0, 0.0}, true, {});
      REQUIRE(result.flow.has_value());
      CHECK(result.total == doctest::Approx(expected.total).epsilon(1e-6));
      CHECK(result.flow->mle == doctest::Approx(expected.mle).epsilon(1e-6));
      CHECK(result.flow->jsd == doctest::Approx(expected.jsd).epsilon(1e-5));
      std::map<std::string, at::Tensor> gradients;
      for (const auto& [name, gradient] : result.gradients) gradients[name] = gradient;
      CHECK(difference(gradients, expected.model) < 1e-4);
      double norm = 0.0;
      for (const auto& [name, gradient] : expected.flow) norm += gradient.square().sum().item<double>();
      CHECK(result.flow->gradient_norm == doctest::Approx(std::sqrt(norm)).epsilon(1e-3));
    }
  }
}

TEST_CASE("joint flow: L_jsd falls when it alone trains the flow, and the same seed gives the same step") {
  at::manual_seed(1);
  const TrainingBatch batch = make_batch();
  const auto run = [&] {
    const auto model = make_model();
    const auto flow = make_flow();
    Trainer trainer(model, hybrid(), joint(flow, 1000.0));
    std::vector<double> divergences;
    for (int i = 0; i < 12; ++i) divergences.push_back(trainer.step(batch, {0.0, 1e-2}, false, {}).flow->jsd);
    return divergences;
  };
  at::manual_seed(2);
  const auto first = run();
  CHECK(first.back() < first.front());
  at::manual_seed(2);
  CHECK(run() == first);
}

TEST_CASE("joint flow: a failed step changes neither model nor flow, and resume is exact") {
  at::manual_seed(1);
  const TemporaryFolder folder;
  const TrainingBatch batch = make_batch();
  const auto model = make_model();
  const auto flow = make_flow();
  {
    Trainer trainer(model, hybrid(), joint(flow, 1.0));
    CHECK_THROWS_WITH(joint(flow, 1.0), doctest::Contains("already has a trainer"));
    const auto model_before = copies(model->state());
    const auto flow_before = copies(flow->state());
    TrainingBatch wrong = batch;
    wrong.windows[1].left = 81;
    CHECK_THROWS_WITH(trainer.step(wrong, {1e-3, 1e-3}, false, {}), doctest::Contains("inside the 96×64 images"));
    wrong.windows[1] = {1, 0, 0, 20, 16};
    CHECK_THROWS_WITH(trainer.step(wrong, {1e-3, 1e-3}, false, {}), doctest::Contains("multiples of 8"));
    const uint8_t cancel = 1;
    CHECK_THROWS_WITH(trainer.step(batch, {1e-3, 1e-3}, false, CancelToken(&cancel)), doctest::Contains("aborted"));
    CHECK(unchanged(model->state(), model_before));
    CHECK(unchanged(flow->state(), flow_before));
    trainer.step(batch, {1e-3, 1e-3}, false, {});
    CHECK_FALSE(unchanged(flow->state(), flow_before));
    trainer.save(folder / "state.safetensors", {});
    trainer.step(batch, {1e-3, 1e-3}, false, {});
  }
  const auto other_model = make_model();
  const auto other_flow = make_flow();
  Trainer resumed(other_model, hybrid(), joint(other_flow, 1.0));
  resumed.load(folder / "state.safetensors");
  resumed.step(batch, {1e-3, 1e-3}, false, {});
  CHECK(unchanged(model->state(), copies(other_model->state())));
  CHECK(unchanged(flow->state(), copies(other_flow->state())));
}

TEST_CASE("joint flow: needs a flow that has seen patches, and windows need a flow") {
  const auto raw = make_flow(false);
  CHECK_THROWS_WITH(joint(raw, 1.0), doctest::Contains("not initialised"));
  CHECK_THROWS_WITH(Trainer(make_model(), hybrid()).step(make_batch(), {1e-3, 1e-3}, false, {}),
                    doctest::Contains("this trainer has no flow"));
  // Without windows the flow rests.
  const auto flow = make_flow();
  const auto before = copies(flow->state());
  Trainer trainer(make_model(), hybrid(), joint(flow, 1.0));
  TrainingBatch batch = make_batch();
  batch.windows.clear();
  CHECK_FALSE(trainer.step(batch, {1e-3, 1e-3}, false, {}).flow.has_value());
  CHECK(unchanged(flow->state(), before));
}
