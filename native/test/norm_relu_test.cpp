#include <c10/core/InferenceMode.h>

#include "ops/norm_relu/norm_relu.h"
#include "ops/pointwise_conv/pointwise_conv.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;

namespace {

at::Tensor pixels(at::IntArrayRef shape, at::ScalarType dtype) {
  return at::randn(shape).to(dtype).contiguous(at::MemoryFormat::ChannelsLast);
}

struct Norm {
  at::Tensor weight, bias, mean, variance;
  explicit Norm(int64_t channels)
      : weight(at::rand({channels}) + 0.5), bias(at::randn({channels})), mean(at::randn({channels})),
        variance(at::rand({channels}) + 0.5) {}
  NormRelu map(float low, float high) const { return NormRelu(weight, bias, mean, variance, 1e-5, low, high); }
  at::Tensor reference(const at::Tensor& x, double low, double high) const {
    return at::batch_norm(x.to(at::kFloat), weight, bias, mean, variance, false, 0.1, 1e-5, false).clamp(low, high);
  }
};

bool close(const at::Tensor& value, const at::Tensor& expected) {
  const double tolerance = value.scalar_type() == at::kFloat ? 1e-5 : 8e-3;
  return at::allclose(value.to(at::kFloat), expected, tolerance, tolerance);
}

}  // namespace

TEST_CASE("norm_relu: every path, dtype and number of channels equals BatchNorm and clamp") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  for (const CpuPath path : available_cpu_paths()) {
    CAPTURE(to_string(path));
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      for (const int64_t channels : {1, 3, 16, 19, 24, 32, 160}) {
        CAPTURE(channels);
        const Norm norm(channels);
        const at::Tensor x = pixels({2, channels, 5, 7}, dtype);
        const at::Tensor expected = norm.reference(x, 0, 6);
        const at::Tensor wide = pixels({2, channels + 5, 5, 7}, dtype).fill_(9);
        norm_relu(x, norm.map(0, 6), wide.narrow(1, 2, channels), {}, path);
        CHECK(close(wide.narrow(1, 2, channels), expected));
        CHECK((wide.narrow(1, 0, 2) == 9).all().item<bool>());
        CHECK((wide.narrow(1, channels + 2, 3) == 9).all().item<bool>());

        const at::Tensor addend = pixels({2, channels, 5, 7}, dtype);
        const at::Tensor sum = at::empty_like(x);
        norm_relu(x, norm.map(0, 6), sum, addend, path);
        CHECK(close(sum, norm.reference(x.to(at::kFloat) + addend.to(at::kFloat), 0, 6)));
        norm_relu(x, norm.map(0, 6), x, {}, path);  // in place
        CHECK(close(x, expected));
        const at::Tensor linear = at::empty_like(x);
        norm_relu(addend, NormRelu(norm.bias, -NormRelu::kInfinity), linear, {}, path);
        CHECK(close(linear, addend.to(at::kFloat) + norm.bias.view({1, -1, 1, 1})));
      }
    }
  }
}

TEST_CASE("norm_relu: an addend of another size is resized as libtorch does it") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  for (const CpuPath path : available_cpu_paths()) {
    CAPTURE(to_string(path));
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      for (const int64_t channels : {16, 40}) {
        for (const auto& [height, width] :
             std::vector<std::pair<int64_t, int64_t>>{{3, 4}, {1, 1}, {6, 7}, {5, 13}, {9, 3}}) {
          CAPTURE(height);
          CAPTURE(width);
          const Norm norm(channels);
          const at::Tensor x = pixels({2, channels, 6, 7}, dtype);
          const at::Tensor addend = pixels({2, channels + 3, height, width}, dtype).narrow(1, 2, channels);
          const at::Tensor out = at::empty_like(x);
          norm_relu(x, norm.map(0, 6), out, addend, path);
          const at::Tensor larger = at::upsample_bilinear2d(addend.to(at::kFloat), {6, 7}, false);
          CHECK(close(out, norm.reference(x.to(at::kFloat) + larger, 0, 6)));
        }
      }
    }
  }
}

TEST_CASE("norm_relu: from one dtype to the other") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  for (const CpuPath path : available_cpu_paths()) {
    for (const int64_t channels : {3, 40}) {
      const Norm norm(channels);
      const at::Tensor wide = pixels({2, channels, 5, 7}, at::kFloat);
      const at::Tensor half = at::empty_like(wide, at::kBFloat16);
      const at::Tensor addend = pixels({2, channels, 5, 7}, at::kBFloat16);
      norm_relu(wide, norm.map(0, 6), half, addend, path);
      CHECK(close(half, norm.reference(wide + addend.to(at::kFloat), 0, 6)));
      const at::Tensor back = at::empty_like(wide);
      norm_relu(half, norm.map(0, 6), back, {}, path);
      CHECK(close(back, norm.reference(half, 0, 6)));
    }
  }
}

TEST_CASE("norm_relu: pools equal those of libtorch, for odd sizes too") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  for (const CpuPath path : available_cpu_paths()) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{{8, 6}, {7, 9}, {2, 3}, {5, 2}}) {
        for (const int64_t channels : {16, 40}) {
          const Norm norm(channels);
          const at::Tensor x = pixels({2, channels + 8, height, width}, dtype).narrow(1, 4, channels);
          const at::Tensor expected = norm.reference(x, 0, INFINITY);
          const at::Tensor largest = pixels({2, channels, height / 2, width / 2}, dtype);
          norm_relu_max_pool(x, norm.map(0, NormRelu::kInfinity), largest, path);
          CHECK(close(largest, at::max_pool2d(expected, 2, 2)));
          const at::Tensor mean = pixels({2, channels, (height + 1) / 2, (width + 1) / 2}, dtype);
          norm_relu_average_pool(x, norm.map(0, NormRelu::kInfinity), mean, path);
          CHECK(close(mean, at::avg_pool2d(expected, 3, 2, 1, false, false)));
        }
      }
    }
  }
}

TEST_CASE("norm_relu: NaN stays NaN on every path") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  for (const CpuPath path : available_cpu_paths()) {
    for (const at::ScalarType dtype : {at::kFloat, at::kBFloat16}) {
      const Norm norm(16);
      for (int64_t position = 0; position < 4; ++position) {
        const at::Tensor x = pixels({1, 16, 2, 2}, dtype);
        x[0][5][position / 2][position % 2] = std::nan("");
        const at::Tensor y = at::empty_like(x);
        norm_relu(x, norm.map(0, 6), y, {}, path);
        CHECK(at::isnan(y).sum().item<int64_t>() == 1);
        const at::Tensor pooled = pixels({1, 16, 1, 1}, dtype);
        norm_relu_max_pool(x, norm.map(0, 6), pooled, path);
        CHECK(std::isnan(pooled[0][5][0][0].item<double>()));
        CHECK(at::isnan(pooled).sum().item<int64_t>() == 1);
        norm_relu_average_pool(x, norm.map(0, 6), pooled, path);
        CHECK(at::isnan(pooled).sum().item<int64_t>() == 1);
      }
    }
  }
}

TEST_CASE("pointwise_conv: with and without its surroundings, into slices, for any number of pixels") {
  const c10::InferenceMode inference;
  at::manual_seed(1);
  const Norm before(24), after(19);
  const NormRelu before_map = before.map(0, NormRelu::kInfinity);
  const NormRelu after_map = after.map(0, 6);
  // The dtypes of maps and weight: products of bf16 maps run in either.
  for (const auto& [dtype, weight_dtype] : std::vector<std::pair<at::ScalarType, at::ScalarType>>{
           {at::kFloat, at::kFloat}, {at::kBFloat16, at::kBFloat16}, {at::kBFloat16, at::kFloat}}) {
    const double tolerance = dtype == at::kFloat ? 1e-4 : 0.3;  // values reach 50, where bf16 counts in quarters
    for (const auto& [height, width] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {7, 9}, {128, 200}}) {
      const at::Tensor x = pixels({2, 32, height, width}, dtype).narrow(1, 8, 24);
      const at::Tensor weight = at::randn({19, 24}).to(weight_dtype);
      const at::Tensor addend = pixels({2, 19, height, width}, dtype);
      const at::Tensor smaller = pixels({2, 19, (height + 1) / 2, (width + 1) / 2}, dtype);
      const at::Tensor wide = pixels({2, 40, height, width}, dtype);
      const at::Tensor slice = wide.narrow(1, 16, 19);
      const at::Tensor whole = pixels({2, 19, height, width}, dtype);
      const auto convolved = [&](const at::Tensor& input) {
        return at::conv2d(input.to(at::kFloat), weight.to(at::kFloat).view({19, 24, 1, 1}));
      };
      const auto check = [&](const PointwiseSurroundings& around, const at::Tensor& expected) {
        for (const at::Tensor& out : {slice, whole}) {
          pointwise_conv(x, weight, around, out);
          CHECK((out.to(at::kFloat) - expected).abs().max().item<double>() < tolerance);
        }
      };
      const at::Tensor normed = before.reference(x, 0, INFINITY);
      check({}, convolved(x));
      check({.before = &before_map}, convolved(normed));
      check({.after = &after_map}, after.reference(convolved(x), 0, 6));
      check({.before = &before_map, .addend = addend, .after = &after_map},
            after.reference(convolved(normed) + addend.to(at::kFloat), 0, 6));
      check({.before = &before_map, .addend = smaller, .after = &after_map},
            after.reference(convolved(normed) + at::upsample_bilinear2d(smaller.to(at::kFloat), {height, width}, false),
                            0, 6));
    }
  }
}
