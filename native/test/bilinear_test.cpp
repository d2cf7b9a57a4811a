#include "ops/bilinear.h"

#include "ops/bilinear_position.h"
#include "ops/bf16.h"
#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;

TEST_CASE("bilinear_outputs: names the outputs of an input and no other") {
  for (const bool align_corners : {false, true}) {
    for (int64_t inputs = 1; inputs <= 40; inputs += inputs < 5 ? 1 : 7) {
      for (int64_t outputs = 1; outputs <= 200; outputs += outputs < 8 ? 1 : 13) {
        const BilinearScale scale = bilinear_scale(inputs, outputs, align_corners);
        const BilinearAxis axis = bilinear_axis(inputs, outputs, align_corners);
        int64_t wrong = 0;
        for (int64_t i = 0; i < inputs; ++i) {
          const BilinearRange range = bilinear_outputs(scale, i);
          for (int64_t o = 0; o < outputs; ++o) {
            const auto k = static_cast<size_t>(o);
            const bool named = axis.i0[k] == i || axis.i1[k] == i;
            wrong += named != (range.first <= o && o < range.last);
          }
        }
        CHECK(wrong == 0);
      }
    }
  }
}

TEST_CASE("bf16: narrow rounds as libtorch does") {
  const at::Tensor values = at::cat({at::randn({20000}) * 100, at::randn({2000}) * 1e-39, at::tensor({0.0f, -0.0f, 3.4e38f, -3.4e38f}),
                                     at::full({1}, std::numeric_limits<float>::infinity())});
  const at::Tensor expected = values.to(at::kBFloat16).to(at::kFloat);
  int64_t wrong = 0;
  for (int64_t i = 0; i < values.numel(); ++i) {
    wrong += widen(narrow(values.const_data_ptr<float>()[i])) != expected.const_data_ptr<float>()[i];
  }
  CHECK(wrong == 0);
  CHECK(std::isnan(widen(narrow(std::numeric_limits<float>::quiet_NaN()))));
}
