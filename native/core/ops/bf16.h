// bf16 as raw bits: the upper half of a float.
#pragma once

#include <stdint.h>
#include <string.h>

#include "simd/scalar_math.h"

namespace densehybrid {
namespace {

DENSEHYBRID_PIXEL float widen(float value) { return value; }
DENSEHYBRID_PIXEL float widen(uint16_t bf16) {
  const uint32_t bits = static_cast<uint32_t>(bf16) << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

// To nearest, ties to even; NaN stays NaN.
DENSEHYBRID_PIXEL uint16_t narrow(float value) {
  if (value != value) return 0x7fc0;
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

}  // namespace
}  // namespace densehybrid
