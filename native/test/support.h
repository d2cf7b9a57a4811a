#pragma once

#include <ATen/ATen.h>

#include <cmath>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <string>

// libtorch's logging header defines CHECK and its kin for itself; the tests mean doctest's.
#undef CHECK
#undef CHECK_EQ
#undef CHECK_NE
#undef CHECK_LE
#undef CHECK_LT
#undef CHECK_GE
#undef CHECK_GT
#include <doctest/doctest.h>

namespace densehybrid::test {

// A folder that goes away with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "densehybrid-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

// The largest |analytic − numeric| over all elements of d loss / d x, by central differences in float64.
inline double gradient_error(const at::Tensor& x, const std::function<at::Tensor(const at::Tensor&)>& loss,
                             double step = 1e-5) {
  at::Tensor leaf = x.detach().clone().requires_grad_(true);
  loss(leaf).backward();
  const at::Tensor analytic = leaf.grad().contiguous();
  double worst = 0.0;
  for (int64_t i = 0; i < x.numel(); ++i) {
    const auto at_offset = [&](double offset) {
      at::Tensor moved = x.detach().clone().contiguous();
      moved.view({-1})[i] += offset;
      return loss(moved).item<double>();
    };
    const double numeric = (at_offset(step) - at_offset(-step)) / (2 * step);
    worst = std::max(worst, std::abs(numeric - analytic.view({-1})[i].item<double>()));
  }
  return worst;
}

}  // namespace densehybrid::test
