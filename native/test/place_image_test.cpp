#include "ops/place_image.h"

#include <cmath>
#include <vector>

#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;

namespace {

// One axis of the definition: a triangle of one source pixel, or of as many as one output pixel covers.
std::vector<double> weights(int64_t from, int64_t to, int64_t j) {
  const double scale = static_cast<double>(from) / static_cast<double>(to);
  const double support = std::max(scale, 1.0);
  const double centre = (static_cast<double>(j) + 0.5) * scale;
  std::vector<double> row(static_cast<size_t>(from));
  double sum = 0;
  for (int64_t i = 0; i < from; ++i) {
    const double distance = std::abs(static_cast<double>(i) + 0.5 - centre) / support;
    sum += row[static_cast<size_t>(i)] = std::max(0.0, 1.0 - distance);
  }
  for (double& weight : row) weight /= sum;
  return row;
}

}  // namespace

TEST_CASE("place_image: is the definition to one grey level, for any region, size, margin and mirroring") {
  for (const int64_t channels : {1, 3}) {
    for (const auto& [h, w, to_h, to_w] : std::vector<std::array<int64_t, 4>>{
             {1, 1, 4, 5}, {7, 9, 7, 9}, {13, 17, 29, 8}, {40, 37, 11, 23}, {64, 64, 64, 31}, {5, 90, 33, 33}}) {
      const int64_t height = h + 3, width = w + 5;
      const at::Tensor image = at::randint(256, {height, width, channels}, at::kByte);
      ImagePlacement placement{{2, 4, h, w}, {1, 3, to_h, to_w}, (h + channels) % 2 == 1, {9, 8, 7}};
      const int64_t rows = to_h + 2, columns = to_w + 4;
      std::vector<uint8_t> target(static_cast<size_t>(rows * columns * channels));
      place_image(image.const_data_ptr<uint8_t>(), {height, width, channels}, target.data(), {rows, columns}, placement);
      double worst = 0;
      for (int64_t y = 0; y < rows; ++y) {
        for (int64_t x = 0; x < columns; ++x) {
          const int64_t j = y - 1, k = placement.mirror ? to_w - 1 - (x - 3) : x - 3;
          const bool inside = j >= 0 && j < to_h && k >= 0 && k < to_w;
          const auto vertical = weights(h, to_h, std::clamp<int64_t>(j, 0, to_h - 1));
          const auto horizontal = weights(w, to_w, std::clamp<int64_t>(k, 0, to_w - 1));
          for (int64_t c = 0; c < channels; ++c) {
            double expected = inside ? 0.0 : static_cast<double>(placement.fill[static_cast<size_t>(c)]);
            for (int64_t a = 0; inside && a < h; ++a) {
              for (int64_t b = 0; b < w; ++b) {
                const int64_t at = ((a + 2) * width + b + 4) * channels + c;
                expected += vertical[static_cast<size_t>(a)] * horizontal[static_cast<size_t>(b)] *
                            image.const_data_ptr<uint8_t>()[at];
              }
            }
            const double actual = target[static_cast<size_t>((y * columns + x) * channels + c)];
            worst = std::max(worst, std::abs(actual - expected));
          }
        }
      }
      // Two roundings to whole levels, one an axis.
      CHECK_MESSAGE(worst <= 1.05, h, "×", w, "×", channels, " to ", to_h, "×", to_w);
    }
  }
}
