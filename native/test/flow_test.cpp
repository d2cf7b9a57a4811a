#include <ATen/Parallel.h>
#include <c10/core/GradMode.h>

#include "flow/actnorm.h"
#include "flow/channel_switch.h"
#include "flow/dense_flow.h"
#include "flow/squeeze.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;

namespace {

// Two dense blocks, hence a transition; units with noise between them; odd channel counts where growth is odd.
FlowConfig small_config(int64_t growth = 2) {
  return {.architecture = "small",
          .units = {2, 2},
          .layers = {1, 2},
          .mid = {4, 4},
          .growth = growth,
          .net_depth = 1,
          .net_growth = 3,
          .seed = 3};
}

at::Tensor patches(int64_t n, int64_t height, int64_t width) {
  return at::randint(0, 256, {n, 3, height, width}, at::kByte);
}

// Weights as after training: couplings and noise nets are not 0, ActNorms are initialised. In float64 where asked for.
void train_in_thought(DenseFlow& flow, at::ScalarType dtype, double spread = 0.1) {
  at::manual_seed(7);
  const c10::NoGradGuard no_grad;
  for (const auto& entry : flow.state().entries()) {
    at::Tensor tensor = entry.tensor;
    if (entry.tensor.is_floating_point()) tensor.set_data(tensor.to(dtype));
    if (entry.trainable) tensor.add_(at::randn_like(tensor), spread);
  }
  Draws draws(1);
  flow.initialise(patches(8, 16, 16), draws);
  for (int i = 0; i < 40 && flow.config().attention; ++i) {  // running statistics of BatchNorm
    FlowContext context(draws, /*is_training=*/true);
    flow.log_prob(patches(8, 16, 16), context);
  }
  for (const auto& entry : flow.state().entries()) {
    at::Tensor tensor = entry.tensor;
    if (entry.trainable) tensor.add_(at::randn_like(tensor), 0.02);
  }
}

at::Tensor log_prob(const DenseFlow& flow, const at::Tensor& images, uint64_t seed = 5) {
  Draws draws(seed);
  FlowContext context(draws);
  return flow.log_prob(images, context);
}

at::Tensor sample(const DenseFlow& flow, int64_t n, int64_t height, int64_t width, uint64_t seed = 5) {
  Draws draws(seed);
  FlowContext context(draws);
  return flow.sample(n, height, width, context);
}

// The largest relative error of d loss / d parameters against central differences, over a few elements of every tensor.
// The pair at the end counts the elements whose gradient is not 0: a check that saw none would prove nothing.
std::pair<double, int> parameter_gradient_error(const DenseFlow& flow, const std::function<at::Tensor()>& loss) {
  for (const auto& entry : flow.state().entries()) at::Tensor(entry.tensor).mutable_grad().reset();
  loss().backward();
  double worst = 0.0;
  int seen = 0;
  constexpr double kStep = 1e-6;
  for (const auto& entry : flow.state().entries()) {
    if (!entry.trainable || !entry.tensor.grad().defined()) continue;
    CAPTURE(entry.name);
    const c10::NoGradGuard no_grad;
    const at::Tensor gradient = entry.tensor.grad();
    for (int64_t k = 0; k < std::min<int64_t>(entry.tensor.numel(), 3); ++k) {
      // Elements of the tensor in its own memory order, whatever that is.
      const int64_t index = k * 7919 % entry.tensor.numel();
      const at::Tensor flat = at::as_strided(entry.tensor.detach(), {entry.tensor.numel()}, {1});
      const double value = flat[index].item<double>();
      const auto moved = [&](double offset) {
        flat[index].fill_(value + offset);
        const double result = loss().item<double>();
        flat[index].fill_(value);
        return result;
      };
      const double numeric = (moved(kStep) - moved(-kStep)) / (2 * kStep);
      // The same element of the gradient, which may lie in another memory order.
      at::Tensor marker = at::zeros_like(entry.tensor);
      at::as_strided(marker, {entry.tensor.numel()}, {1})[index] = 1.0;
      const double analytic = (gradient * marker).sum().item<double>();
      if (analytic != 0.0) ++seen;
      worst = std::max(worst, std::abs(numeric - analytic) / std::max(1.0, std::abs(analytic)));
    }
  }
  return {worst, seen};
}

}  // namespace

TEST_CASE("flow: the inverse gives the dequantised patch back, at any size, with even and odd channels") {
  {
    DenseFlow flow(flow_architectures().back());
    CHECK(flow.config().architecture == "denseflow-tiny");
    train_in_thought(flow, at::kFloat, 0.02);
    Draws draws(2);
    const auto error = flow.reconstruction_error(patches(2, 24, 16), draws);
    CHECK(error.mean < 0.01);
    CHECK(error.max < 1.0);
    CHECK(error.mean > 0.0);  // float32 is not exact: a 0 would mean that nothing was inverted
  }
  for (const int64_t growth : {2, 3}) {
    DenseFlow flow(small_config(growth));
    train_in_thought(flow, at::kDouble);
    for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{{4, 4}, {8, 16}, {24, 12}}) {
      CAPTURE(growth);
      CAPTURE(height);
      Draws draws(2);
      CHECK(flow.reconstruction_error(patches(3, height, width), draws).max < 1e-9);
    }
  }
}

TEST_CASE("flow: the likelihood is that of the change of variables, by a brute-force Jacobian") {
  for (const int64_t growth : {2, 3}) {
    CAPTURE(growth);
    DenseFlow flow(small_config(growth));
    train_in_thought(flow, at::kDouble, 0.3);
    const at::Tensor images = patches(1, 4, 4).to(at::kDouble).requires_grad_(true);
    const at::Tensor uniform = at::rand({1, 3, 4, 4}, at::kDouble);
    const at::Tensor first = at::randn({1, growth, 2, 2}, at::kDouble).requires_grad_(true);
    const at::Tensor second = at::randn({1, growth, 1, 1}, at::kDouble).requires_grad_(true);
    std::vector<at::Tensor> dropped;
    Draws draws(std::vector<at::Tensor>{uniform, first, second});
    FlowContext context(draws);
    context.dropped = &dropped;
    const auto encoding = flow.encode(images, context);
    const at::Tensor outputs = at::cat({encoding.z.flatten(), dropped.at(0).flatten()});
    REQUIRE(outputs.numel() == images.numel() + first.numel() + second.numel());
    std::vector<at::Tensor> rows;
    for (int64_t i = 0; i < outputs.numel(); ++i) {
      for (at::Tensor leaf : {images, first, second}) leaf.mutable_grad().reset();
      outputs[i].backward({}, /*retain_graph=*/true);
      std::vector<at::Tensor> row;
      for (const at::Tensor& leaf : {images, first, second}) {
        row.push_back(leaf.grad().defined() ? leaf.grad().flatten() : at::zeros({leaf.numel()}, at::kDouble));
      }
      rows.push_back(at::cat(row));
    }
    const auto normal = [](const at::Tensor& x) {
      return standard_normal_log_prob(x.detach().reshape({1, -1})).item<double>();
    };
    const double log_det = std::get<1>(at::slogdet(at::stack(rows))).item<double>();
    const at::Tensor loc = flow.state().find("base_dist.loc")->tensor.detach();
    const at::Tensor log_scale = flow.state().find("base_dist.log_scale")->tensor.detach();
    const double base = normal((encoding.z.detach() - loc) * at::exp(-log_scale)) - log_scale.sum().item<double>();
    const double expected = base + normal(dropped[0]) + log_det - normal(first) - normal(second);
    CHECK(encoding.log_prob.item<double>() == doctest::Approx(expected).epsilon(1e-8));
    CHECK(std::abs(log_det) > 1.0);
  }
}

TEST_CASE("flow: the gradient of the likelihood is the finite difference, in every parameter") {
  for (const bool stand_alone : {false, true}) {
    CAPTURE(stand_alone);
    FlowConfig config = small_config(3);
    config.attention = config.variational = stand_alone;
    DenseFlow flow(config);
    train_in_thought(flow, at::kDouble, stand_alone ? 0.01 : 0.1);
    const at::Tensor images = patches(2, 8, 8);
    const auto [worst, seen] = parameter_gradient_error(flow, [&] { return bits_per_dim(log_prob(flow, images), images); });
    CHECK(worst < 1e-6);
    CHECK(seen > 100);
  }
}

TEST_CASE("flow: the Jensen–Shannon term reaches the parameters through a continuous sample") {
  DenseFlow flow(small_config(2));
  train_in_thought(flow, at::kDouble, 0.01);
  CHECK(to_image(sample(flow, 2, 8, 12)).outside < 0.5);  // clamped values pass no gradient
  const at::Tensor classifier = at::randn({5, 3, 3, 3}, at::kDouble);
  const auto [worst, seen] = parameter_gradient_error(flow, [&] {
    const ImagePatch patch = to_image(sample(flow, 2, 8, 12));
    const at::Tensor posterior = at::softmax(at::conv2d(patch.image, classifier, {}, 1, 1), 1);
    const at::Tensor mixture = (posterior + 0.2) / 2;
    // JSD(U ‖ P) = H((U + P)/2) − (H(U) + H(P))/2
    const auto entropy = [](const at::Tensor& p) { return -(p * p.log()).sum(1).mean(); };
    return entropy(mixture) - 0.5 * entropy(posterior);
  });
  CHECK(worst < 1e-6);
  CHECK(seen > 40);
  CHECK_FALSE(flow.state().find("transforms.3.noise_params.0.transformation.2.weight")->tensor.grad().defined());
}

TEST_CASE("flow: without initialisation there is neither likelihood nor sample") {
  const DenseFlow flow(small_config());
  CHECK_FALSE(flow.initialised());
  CHECK_THROWS_WITH(log_prob(flow, patches(2, 8, 8)), doctest::Contains("not initialised"));
  CHECK_THROWS_WITH(sample(flow, 2, 8, 8), doctest::Contains("not initialised"));
  Draws draws(1);
  CHECK_THROWS_WITH(flow.initialise(patches(1, 4, 4), draws), doctest::Contains("more than one value"));
  Draws more(1);
  flow.initialise(patches(4, 8, 8), more);
  CHECK(flow.initialised());
  CHECK(at::isfinite(log_prob(flow, patches(2, 8, 8))).all().item<bool>());
}

TEST_CASE("flow: the first batch leaves an ActNorm with mean 0 and deviation 1, later ones do not") {
  StateDict state(0, at::kCPU);
  const ActNorm norm(state, "", 5);
  Draws none(0);
  FlowContext context(none, /*is_training=*/true);
  const at::Tensor x = at::randn({3, 5, 4, 4}) * 3.0 + 2.0;
  const at::Tensor z = norm.forward(x, context).value;
  CHECK(z.mean({0, 2, 3}).abs().max().item<double>() < 1e-5);
  CHECK((z.std({0, 2, 3}) - 1.0).abs().max().item<double>() < 1e-4);
  CHECK(norm.forward(x * 5.0, context).value.std().item<double>() > 3.0);
}

TEST_CASE("flow: sizes, draws and seeds") {
  DenseFlow flow(small_config());
  train_in_thought(flow, at::kFloat);
  CHECK_THROWS_WITH(log_prob(flow, patches(1, 10, 8)), doctest::Contains("multiples of 4"));
  CHECK_THROWS_WITH(sample(flow, 1, 8, 6), doctest::Contains("multiples of 4"));
  CHECK_THROWS_WITH(sample(flow, 1, 0, 8), doctest::Contains("multiples of 4"));
  CHECK(at::equal(sample(flow, 2, 8, 8, 1), sample(flow, 2, 8, 8, 1)));
  CHECK_FALSE(at::equal(sample(flow, 2, 8, 8, 1), sample(flow, 2, 8, 8, 2)));
  Draws few(std::vector<at::Tensor>{at::rand({1, 3, 8, 8})});
  FlowContext context(few);
  CHECK_THROWS_WITH(flow.log_prob(patches(1, 8, 8), context), doctest::Contains("more random draws"));
  Draws wrong(std::vector<at::Tensor>{at::rand({1, 3, 4, 8})});
  FlowContext other(wrong);
  CHECK_THROWS_WITH(flow.log_prob(patches(1, 8, 8), other), doctest::Contains("of shape"));
}

TEST_CASE("flow: wrong configurations are named") {
  FlowConfig config = small_config();
  config.layers = {1};
  CHECK_THROWS_WITH(DenseFlow{config}, doctest::Contains("layers"));
  config = small_config();
  config.growth = 0;
  CHECK_THROWS_WITH(DenseFlow{config}, doctest::Contains("growth"));
  config = small_config();
  config.units = {};
  CHECK_THROWS_WITH(DenseFlow{config}, doctest::Contains("units"));
}

TEST_CASE("flow: the switch and the squeeze undo themselves, for odd channel counts too") {
  Draws none(0);
  FlowContext context(none);
  for (const int64_t channels : {1, 2, 6, 7}) {
    const at::Tensor x = at::randn({2, channels, 4, 6});
    const ChannelSwitch exchange;
    const at::Tensor switched = exchange.forward(x, context).value;
    CHECK(at::equal(exchange.inverse(switched, context), x));
    if (channels > 1) CHECK_FALSE(at::equal(switched, x));
    CHECK(at::equal(unsqueeze2d(squeeze2d(x)), x));
    CHECK(squeeze2d(x).select(1, 1).equal(x.select(1, 0).slice(1, 0, std::nullopt, 2).slice(2, 1, std::nullopt, 2)));
  }
}

TEST_CASE("flow: extremes stay finite") {
  const at::Tensor extreme = at::tensor({-1e30, -100.0, 0.0, 100.0, 1e30, HUGE_VAL, -HUGE_VAL}).requires_grad_(true);
  const at::Tensor scale = bounded_log_scale(extreme);
  CHECK(scale.abs().max().item<double>() <= 2.0);
  at::exp(scale).sum().backward();
  CHECK(at::isfinite(extreme.grad()).all().item<bool>());

  for (const bool variational : {false, true}) {
    FlowConfig config = small_config();
    config.variational = variational;
    DenseFlow flow(config);
    train_in_thought(flow, at::kFloat);
    {
      const c10::NoGradGuard no_grad;
      for (const auto& entry : flow.state().entries()) {
        if (entry.name.find("coupling_net") != std::string::npos && entry.name.ends_with("transform.2.bias")) {
          at::Tensor(entry.tensor).slice(0, 0, std::nullopt, 2).fill_(1e6);  // scales; tanh rounds to 1
        }
      }
    }
    const at::Tensor images = at::cat({at::zeros({1, 3, 8, 8}, at::kByte), at::full({1, 3, 8, 8}, 255, at::kByte)});
    const at::Tensor loss = bits_per_dim(log_prob(flow, images), images);
    CHECK(std::isfinite(loss.item<double>()));
    loss.backward();
    for (const auto& entry : flow.state().entries()) {
      if (entry.tensor.grad().defined()) CHECK(at::isfinite(entry.tensor.grad()).all().item<bool>());
    }
  }

  // A batch of one colour has deviation 0 in every channel that the noise does not reach.
  const DenseFlow flow(small_config());
  Draws draws(4);
  CHECK(at::isfinite(flow.initialise(at::full({4, 3, 8, 8}, 17, at::kByte), draws)).all().item<bool>());
}

TEST_CASE("flow: bytes and image values of a continuous sample") {
  const at::Tensor continuous = at::tensor({-0.1, 0.0, 0.5 / 256, 255.5 / 256, 1.0, 2.0}).requires_grad_(true);
  CHECK(at::equal(quantise(continuous), at::tensor({0, 0, 0, 255, 255, 255}, at::kByte)));
  const ImagePatch patch = to_image(continuous);
  CHECK(patch.outside == doctest::Approx(3.0 / 6.0));
  CHECK(patch.image[2].item<double>() == doctest::Approx(0.0));
  CHECK(patch.image[3].item<double>() == doctest::Approx(1.0));
  patch.image.sum().backward();
  CHECK(continuous.grad()[0].item<double>() == 0.0);
  CHECK(continuous.grad()[3].item<double>() != 0.0);
}

TEST_CASE("flow: values without gradients are those with gradients") {
  FlowConfig wide = small_config(5);  // enough channels for Winograd, none a multiple of a vector
  wide.mid = {29, 26};
  wide.net_depth = 2;
  wide.net_growth = 27;
  FlowConfig attention = small_config(3);
  attention.attention = attention.variational = true;
  for (const FlowConfig& config : {small_config(3), small_config(4), wide, attention}) {
    CAPTURE(config.mid.front());
    CAPTURE(config.growth);
    DenseFlow flow(config);
    train_in_thought(flow, at::kFloat, config.attention ? 0.01 : 0.03);
    const auto relative = [](const at::Tensor& value, const at::Tensor& expected) {
      return ((value - expected).abs().max() / expected.abs().max()).item<double>();
    };
    const auto check = [&](int64_t n, int64_t height, int64_t width) {
      CAPTURE(n);
      CAPTURE(height);
      const at::Tensor images = patches(n, height, width);
      Draws with(5), without(5);
      FlowContext context(with);
      const auto expected = flow.encode(images, context);
      const at::Tensor drawn = sample(flow, n, height, width);
      CHECK(expected.log_prob.requires_grad());
      CHECK(drawn.requires_grad());
      const c10::NoGradGuard no_grad;
      FlowContext other(without);
      const auto encoded = flow.encode(images, other);
      // Winograd rounds more than a direct convolution, and inverse steps amplify it.
      CHECK(relative(encoded.log_prob, expected.log_prob) < 2e-5);
      CHECK(relative(encoded.z, expected.z) < 1e-3);
      CHECK(relative(sample(flow, n, height, width), drawn) < 1e-3);
    };
    if (config.attention) {
      check(1, 8, 8);
      continue;
    }
    check(3, 16, 8);
    check(1, 24, 40);
    // Nothing that was derived from the weights may outlive their change in place.
    for (const std::string name : {".shift", ".log_scale", "transforms.0.transforms.1.weight", ".nn.2.weight"}) {
      CAPTURE(name);
      const at::Tensor images = patches(1, 16, 16);
      const c10::AutoGradMode mode(false);
      const at::Tensor before = log_prob(flow, images);
      for (const auto& entry : flow.state().entries()) {
        if (entry.trainable && entry.name.ends_with(name)) at::Tensor(entry.tensor).mul_(1.05);
      }
      CHECK_FALSE(at::equal(log_prob(flow, images), before));
      const c10::AutoGradMode with_gradients(true);
      check(1, 16, 16);
    }
    at::Tensor(flow.state().find("transforms.3.blocks.0.transforms.0.transforms.0.initialized")->tensor).zero_();
    const c10::NoGradGuard no_grad;
    CHECK_THROWS_WITH(sample(flow, 1, 8, 8), doctest::Contains("not initialised"));
  }
}

TEST_CASE("flow: the number of threads does not change a bit") {
  for (const FlowConfig& config : {small_config(3), flow_architectures().back()}) {
    DenseFlow flow(config);
    train_in_thought(flow, at::kFloat, 0.03);
    const c10::NoGradGuard no_grad;
    const at::Tensor images = patches(2, 32, 48);
    const int threads = at::get_num_threads();
    at::set_num_threads(1);
    const at::Tensor likelihood = log_prob(flow, images);
    const at::Tensor drawn = sample(flow, 2, 32, 48);
    at::set_num_threads(3);
    CHECK(at::equal(log_prob(flow, images), likelihood));
    CHECK(at::equal(sample(flow, 2, 32, 48), drawn));
    at::set_num_threads(threads);
  }
}
