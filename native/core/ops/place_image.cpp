#include "ops/place_image.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/_upsample_bilinear2d_aa.h>
#include <ATen/ops/empty.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <cstring>

namespace densehybrid {
namespace {

using Box = ImagePlacement::Box;

// The region as 1×C×h×w in channels_last order, which the vectorised kernel takes as it is.
at::Tensor cut(const uint8_t* source, std::array<int64_t, 3> shape, const Box& box) {
  const auto [height, width, channels] = shape;
  at::Tensor region = at::empty({1, channels, box.height, box.width},
                                at::TensorOptions().dtype(at::kByte).memory_format(at::MemoryFormat::ChannelsLast));
  const size_t row_bytes = static_cast<size_t>(box.width * channels);
  for (int64_t y = 0; y < box.height; ++y) {
    std::memcpy(region.mutable_data_ptr<uint8_t>() + y * box.width * channels,
                source + ((box.top + y) * width + box.left) * channels, row_bytes);
  }
  return region;
}

void fill_rest(uint8_t* target, std::array<int64_t, 2> size, int64_t channels, const ImagePlacement& placement) {
  const auto [height, width] = size;
  if (placement.to.height == height && placement.to.width == width) return;
  const auto& fill = placement.fill;
  if (std::all_of(fill.begin(), fill.begin() + channels, [&](uint8_t value) { return value == fill[0]; })) {
    std::memset(target, fill[0], static_cast<size_t>(height * width * channels));
    return;
  }
  for (int64_t i = 0; i < height * width; ++i) std::copy_n(fill.begin(), channels, target + i * channels);
}

}  // namespace

void place_image(const uint8_t* source, std::array<int64_t, 3> source_shape, uint8_t* target,
                 std::array<int64_t, 2> target_size, const ImagePlacement& placement) {
  const c10::InferenceMode inference;
  const auto& [from, to, mirror, fill] = placement;
  const int64_t channels = source_shape[2];
  at::Tensor pixels = cut(source, source_shape, from);
  if (from.height != to.height || from.width != to.width) {
    pixels = at::_upsample_bilinear2d_aa(pixels, {to.height, to.width}, /*align_corners=*/false)
                 .contiguous(at::MemoryFormat::ChannelsLast);
  }
  fill_rest(target, target_size, channels, placement);
  const uint8_t* resized = pixels.const_data_ptr<uint8_t>();
  for (int64_t y = 0; y < to.height; ++y) {
    const uint8_t* row = resized + y * to.width * channels;
    uint8_t* out = target + ((to.top + y) * target_size[1] + to.left) * channels;
    if (!mirror) {
      std::memcpy(out, row, static_cast<size_t>(to.width * channels));
    } else {
      for (int64_t x = 0; x < to.width; ++x) std::copy_n(row + (to.width - 1 - x) * channels, channels, out + x * channels);
    }
  }
}

}  // namespace densehybrid
