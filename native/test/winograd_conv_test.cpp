#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "ops/winograd_conv/winograd_conv.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;

namespace {

at::Tensor pixels(at::IntArrayRef shape, at::ScalarType dtype) {
  return at::randn(shape).to(dtype).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace

TEST_CASE("winograd_conv: every path, dtype and size equals the direct convolution in float64") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  for (const CpuPath path : available_cpu_paths()) {
    CAPTURE(to_string(path));
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      for (const auto& [in, out] : std::vector<std::pair<int64_t, int64_t>>{{32, 32}, {48, 80}, {128, 32}, {24, 24}, {25, 27}, {53, 41}}) {
        const at::Tensor weight = at::randn({out, in, 3, 3}) / std::sqrt(9.0 * static_cast<double>(in));
        const at::Tensor transformed = winograd_weight(weight);
        for (const auto& [height, width] :
             std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {4, 4}, {5, 3}, {2, 9}, {13, 31}, {32, 28}}) {
          CAPTURE(in);
          CAPTURE(out);
          CAPTURE(height);
          CAPTURE(width);
          const at::Tensor x = pixels({2, in + 16, height, width}, dtype).narrow(1, 16, in);  // a slice of channels
          const at::Tensor wide = pixels({2, out + 5, height, width}, dtype).fill_(9);
          winograd_conv(x, transformed, wide.narrow(1, 2, out), nullptr, path);
          const at::Tensor expected = at::conv2d(x.to(at::kDouble), weight.to(at::kDouble), {}, 1, 1);
          const at::Tensor result = wide.narrow(1, 2, out).to(at::kDouble);
          if (dtype == at::kFloat) CHECK((result - expected).abs().max().item<double>() < 2e-5);
          else CHECK(at::allclose(result, expected, 8e-3, 2e-5));
          CHECK((wide.narrow(1, 0, 2) == 9).all().item<bool>());
          CHECK((wide.narrow(1, out + 2, 3) == 9).all().item<bool>());
        }
      }
    }
  }
}

TEST_CASE("winograd_conv: the number of threads does not change a bit") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  const at::Tensor x = pixels({1, 32, 61, 83}, at::kFloat);
  const at::Tensor weight = winograd_weight(at::randn({48, 32, 3, 3}));
  const at::Tensor one = pixels({1, 48, 61, 83}, at::kFloat);
  const at::Tensor three = at::empty_like(one);
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  winograd_conv(x, weight, one);
  at::set_num_threads(3);
  winograd_conv(x, weight, three);
  at::set_num_threads(threads);
  CHECK(at::equal(one, three));
}

TEST_CASE("winograd_conv: a map of the outputs, for any number of channels") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  for (const CpuPath path : available_cpu_paths()) {
    CAPTURE(to_string(path));
    for (const int64_t channels : {24, 37, 64}) {
      CAPTURE(channels);
      const at::Tensor x = pixels({2, 29, 9, 6}, at::kFloat);
      const at::Tensor weight = at::randn({channels, 29, 3, 3}) / 16;
      const at::Tensor bias = at::randn({channels});
      const NormRelu relu(bias, 0.0f);
      const at::Tensor wide = pixels({2, channels + 3, 9, 6}, at::kFloat).fill_(9);
      winograd_conv(x, winograd_weight(weight), wide.narrow(1, 1, channels), &relu, path);
      CHECK(at::allclose(wide.narrow(1, 1, channels), at::conv2d(x, weight, bias, 1, 1).relu(), 1e-4, 2e-5));
      CHECK((wide.narrow(1, 0, 1) == 9).all().item<bool>());
      CHECK((wide.narrow(1, channels + 1, 2) == 9).all().item<bool>());
    }
  }
}

TEST_CASE("winograd_conv: a missing value reaches its neighbours") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  const at::Tensor x = pixels({1, 32, 12, 12}, at::kFloat);
  x[0][7][5][6] = NAN;
  const at::Tensor out = pixels({1, 32, 12, 12}, at::kFloat);
  winograd_conv(x, winograd_weight(at::randn({32, 32, 3, 3})), out);
  CHECK(at::isnan(out.slice(2, 4, 7).slice(3, 5, 8)).all().item<bool>());
  CHECK(!at::isnan(out.slice(2, 8, 12)).any().item<bool>());
}
