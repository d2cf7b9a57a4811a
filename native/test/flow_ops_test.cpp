#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include "ops/affine_coupling/affine_coupling.h"
#include "ops/gate/gate.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;

namespace {

at::Tensor pixels(at::IntArrayRef shape) { return at::randn(shape).contiguous(at::MemoryFormat::ChannelsLast); }

double difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

}  // namespace

TEST_CASE("gate: every path and number of channels equals its definition in float64") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  for (const CpuPath path : available_cpu_paths()) {
    CAPTURE(to_string(path));
    for (const int64_t channels : {1, 3, 4, 15, 16, 17, 24, 37}) {
      CAPTURE(channels);
      const at::Tensor parts = pixels({2, 3 * channels, 5, 3}) * 6.0;
      const at::Tensor bias = at::randn({3 * channels});
      const auto terms = (parts + bias.view({1, -1, 1, 1})).to(at::kDouble).chunk(3, 1);
      const at::Tensor expected = terms[0] + terms[1] * terms[2].sigmoid();
      const at::Tensor wide = pixels({2, channels + 3, 5, 3}).fill_(9);
      const at::Tensor out = wide.narrow(1, 1, channels);
      gate(parts, bias, {}, out, path);
      CHECK(difference(out, expected) < 1e-5);
      const at::Tensor residual = pixels({2, channels + 8, 5, 3}).narrow(1, 6, channels);
      gate(parts, bias, residual, out, path);
      CHECK(difference(out, expected + residual) < 1e-5);
      CHECK((wide.narrow(1, 0, 1) == 9).all().item<bool>());
      CHECK((wide.narrow(1, channels + 1, 2) == 9).all().item<bool>());
    }
  }
}

TEST_CASE("gate: extremes saturate, and NaN stays NaN") {
  const c10::InferenceMode inference;
  for (const CpuPath path : available_cpu_paths()) {
    const at::Tensor parts = at::tensor({0.0f, 2.0f, 0.0f}).view({3, 1}).repeat({1, 5});  // a = 0, b = 2
    parts[2].copy_(at::tensor({-1e30f, -200.0f, 200.0f, static_cast<float>(HUGE_VAL), std::nanf("")}));
    const at::Tensor out = at::empty({5, 1, 1, 1});
    gate(parts.t().contiguous().view({5, 3, 1, 1}), at::zeros({3}), {}, out, path);
    CHECK(difference(out.flatten().narrow(0, 0, 4), at::tensor({0.0f, 0.0f, 2.0f, 2.0f})) < 1e-6);
    CHECK(std::isnan(out[4].item<double>()));
  }
}

TEST_CASE("affine_coupling: every path and number of channels equals its definition in float64, and inverts") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  for (const CpuPath path : available_cpu_paths()) {
    CAPTURE(to_string(path));
    for (const int64_t channels : {2, 3, 7, 12, 16, 31, 33, 72, 75}) {
      CAPTURE(channels);
      const int64_t changed = channels / 2;
      const int64_t kept = channels - changed;
      const at::Tensor x = pixels({3, channels + 2, 13, 7}).narrow(1, 1, channels);
      const at::Tensor parameters = pixels({3, 2 * changed, 13, 7}) * 3.0;
      const at::Tensor log_scale = at::tanh(parameters.slice(1, 0, std::nullopt, 2).to(at::kDouble) / 2) * 2;
      const at::Tensor moved = parameters.slice(1, 1, std::nullopt, 2) + at::exp(log_scale) * x.narrow(1, kept, changed);
      const at::Tensor z = pixels({3, channels, 13, 7});
      const at::Tensor log_det = affine_coupling(x, parameters, z, path);
      CHECK(difference(z.narrow(1, 0, changed), moved) < 1e-4);
      CHECK(at::equal(z.narrow(1, changed, kept), x.narrow(1, 0, kept)));
      CHECK((log_det.scalar_type() == at::kDouble));
      CHECK(difference(log_det, log_scale.sum({1, 2, 3})) < 1e-3);
      const at::Tensor back = at::full({3, channels + 4, 13, 7}, 9.0).contiguous(at::MemoryFormat::ChannelsLast);
      affine_coupling_inverse(z, parameters, back.narrow(1, 2, channels), path);
      CHECK(difference(back.narrow(1, 2, channels), x) < 1e-4);
      CHECK((back.narrow(1, 0, 2) == 9).all().item<bool>());
      CHECK((back.narrow(1, channels + 2, 2) == 9).all().item<bool>());
    }
  }
}

TEST_CASE("affine_coupling: extremes stay finite, and NaN stays NaN") {
  const c10::InferenceMode inference;
  for (const CpuPath path : available_cpu_paths()) {
    for (const float u : {-HUGE_VALF, -1e30f, -200.0f, 200.0f, HUGE_VALF}) {
      const at::Tensor z = at::empty({1, 2, 1, 1});
      const at::Tensor parameters = at::tensor({u, 0.5f}).view({1, 2, 1, 1});
      const at::Tensor log_det = affine_coupling(at::ones({1, 2, 1, 1}), parameters, z, path);
      CHECK(log_det.item<double>() == doctest::Approx(u > 0 ? 2.0 : -2.0));
      CHECK(z[0][0].item<double>() == doctest::Approx(0.5 + std::exp(u > 0 ? 2.0 : -2.0)));
    }
    const at::Tensor z = at::empty({1, 2, 1, 1});
    const at::Tensor missing = at::full({1, 2, 1, 1}, std::nan(""));
    CHECK(std::isnan(affine_coupling(at::ones({1, 2, 1, 1}), missing, z, path).item<double>()));
    CHECK(std::isnan(z[0][0].item<double>()));
  }
}

TEST_CASE("affine_coupling: the number of threads does not change a bit") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  const at::Tensor x = pixels({2, 23, 61, 83});
  const at::Tensor parameters = pixels({2, 22, 61, 83});
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const at::Tensor z = at::empty_like(x);
  const at::Tensor one = affine_coupling(x, parameters, z);
  at::set_num_threads(3);
  const at::Tensor other = at::empty_like(x);
  CHECK(at::equal(affine_coupling(x, parameters, other), one));
  at::set_num_threads(threads);
  CHECK(at::equal(z, other));
}
