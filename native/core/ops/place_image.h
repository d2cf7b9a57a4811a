#pragma once

#include <array>
#include <cstdint>

namespace densehybrid {

// Where a region of an image goes: resized to height×width pixels at (top, left) of a target, perhaps mirrored.
struct ImagePlacement {
  struct Box {
    int64_t top, left, height, width;
  };
  Box from;
  Box to;
  bool mirror = false;  // left to right, after resizing
  std::array<uint8_t, 3> fill{};  // colour of the rest of the target
};

// Resizes a region of an image H×W×C (C = 1 or 3, one byte a channel) bilinearly, averaging where it shrinks, and writes
// it into a target of the same C. Output j lies over source coordinate (j + ½)·from/to − ½. Neither box may reach beyond
// its image. Runs on the calling thread.
void place_image(const uint8_t* source, std::array<int64_t, 3> source_shape, uint8_t* target,
                 std::array<int64_t, 2> target_size, const ImagePlacement& placement);

}  // namespace densehybrid
