#include <c10/core/GradMode.h>

#include "training/flow_trainer.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;
using densehybrid::test::TemporaryFolder;

namespace {

std::shared_ptr<DenseFlow> make(uint64_t seed = 3) {
  return std::make_shared<DenseFlow>(FlowConfig{.architecture = "small", .units = {2, 1}, .layers = {1, 1}, .mid = {8, 8},
                                                .growth = 2, .net_depth = 2, .net_growth = 8, .seed = seed});
}

// Smooth patches: neighbours are alike, which a flow can learn.
at::Tensor smooth_patches() {
  const at::Tensor coarse = at::randint(40, 200, {8, 3, 2, 2}, at::kFloat);
  return at::upsample_bilinear2d(coarse, {16, 16}, false, std::nullopt, std::nullopt).to(at::kByte);
}

std::vector<at::Tensor> copy_of(const DenseFlow& flow) {
  std::vector<at::Tensor> copies;
  for (const auto& entry : flow.state().entries()) copies.push_back(entry.tensor.detach().clone());
  return copies;
}

bool same(const std::vector<at::Tensor>& a, const std::vector<at::Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    if (!at::equal(a[i], b[i])) return false;
  }
  return a.size() == b.size();
}

double step(FlowTrainer& trainer, const at::Tensor& images, uint64_t seed) {
  Draws draws(seed);
  return trainer.step(images, draws, 1e-2, false, {}).bits_per_dim;
}

}  // namespace

TEST_CASE("adamax: steps equal the definition") {
  StateDict state(0, at::kCPU);
  at::Tensor weight = state.add_constant("w", {3}, 1.0, true);
  state.add_constant("unused", {3}, 1.0, true);
  Adamax adamax(state, {.eps = 1e-7});
  at::Tensor m = at::zeros({3}), n = at::zeros({3}), expected = at::ones({3});
  for (int t = 1; t <= 3; ++t) {
    adamax.zero_gradients();
    const at::Tensor g = at::tensor({0.5, -2.0, 1e-3}, at::kFloat) / t;
    weight.mutable_grad() = g.clone();
    adamax.step(0.1);
    m = 0.9 * m + 0.1 * g;
    n = at::maximum(0.999 * n, g.abs() + 1e-7);
    expected = expected - 0.1 / (1 - std::pow(0.9, t)) * m / n;
    CHECK(at::allclose(weight.detach(), expected, 1e-5, 1e-6));
  }
  CHECK(at::equal(state.find("unused")->tensor.detach(), at::ones({3})));
  weight.mutable_grad() = at::tensor({3.0, 4.0, 0.0}, at::kFloat);
  CHECK(adamax.gradient_norm() == doctest::Approx(5.0));
  adamax.scale_gradients(0.5);
  CHECK(adamax.gradient_norm() == doctest::Approx(2.5));
}

TEST_CASE("flow trainer: bits per dimension fall, resume is exact") {
  const TemporaryFolder folder;
  const at::Tensor images = smooth_patches();
  const auto flow = make();
  FlowTrainer trainer(flow, {});
  std::vector<double> losses;
  for (uint64_t i = 0; i < 20; ++i) {
    losses.push_back(step(trainer, images, i));
    if (i == 9) trainer.save(folder / "state.safetensors", {{"epoch", "3"}});
  }
  CHECK(losses.back() < losses.front() - 0.3);

  const auto other = make(99);
  FlowTrainer resumed(other, {});
  CHECK(resumed.load(folder / "state.safetensors").at("epoch") == "3");
  CHECK(resumed.steps() == 10);
  for (uint64_t i = 10; i < 20; ++i) CHECK(step(resumed, images, i) == losses[i]);
  CHECK(same(copy_of(*flow), copy_of(*other)));
}

TEST_CASE("flow trainer: one at a time, and a failed or cancelled step changes nothing") {
  const at::Tensor images = smooth_patches();
  const auto flow = make();
  FlowTrainer trainer(flow, {});
  CHECK_THROWS_WITH(FlowTrainer(flow, {}), doctest::Contains("already has a trainer"));
  const auto before = copy_of(*flow);
  Draws draws(1);
  // Too few draws: the ActNorms of the first unit are set when the pass fails.
  Draws few(std::vector<at::Tensor>{at::rand({8, 3, 16, 16})});
  CHECK_THROWS_WITH(trainer.step(images, few, 1e-2, false, {}), doctest::Contains("more random draws"));
  CHECK(same(copy_of(*flow), before));
  const uint8_t cancel = 1;
  CHECK_THROWS_WITH(trainer.step(images, draws, 1e-2, false, CancelToken(&cancel)), doctest::Contains("aborted"));
  CHECK(same(copy_of(*flow), before));
  CHECK_FALSE(flow->initialised());

  step(trainer, images, 1);
  {
    const c10::NoGradGuard no_grad;
    at::Tensor(flow->state().find("base_dist.log_scale")->tensor).fill_(-1e4);
  }
  const auto broken = copy_of(*flow);
  CHECK_THROWS_WITH(step(trainer, images, 2), doctest::Contains("not finite"));
  CHECK(same(copy_of(*flow), broken));
  CHECK(trainer.steps() == 1);
}

TEST_CASE("flow trainer: the gradient is clipped to the norm, and reported before") {
  const at::Tensor images = smooth_patches();
  const auto free = make();
  const auto clipped = make();
  FlowTrainer trainer(free, {});
  FlowTrainerOptions options;
  options.clip_norm = 1e-3;
  FlowTrainer limited(clipped, options);
  Draws draws(1), again(1);
  const auto plain = trainer.step(images, draws, 1e-2, true, {});
  const auto cut = limited.step(images, again, 1e-2, true, {});
  CHECK(plain.gradient_norm == doctest::Approx(cut.gradient_norm));
  CHECK(plain.gradient_norm > 1e-3);
  CHECK_FALSE(plain.gradients.empty());
  CHECK_FALSE(same(copy_of(*free), copy_of(*clipped)));  // eps weighs more on small gradients
}
