// A map per channel on vectors of channels.
#pragma once

#include "ops/norm_relu/norm_relu_cpu.h"
#include "simd/simd.h"

namespace densehybrid {
namespace {

static_assert(kPaddedChannels >= kLanes);

// NaN stays NaN.
DENSEHYBRID_INLINE Floats mapped(const ChannelMapView& map, Floats x, int64_t channel) {
  const Floats y = x * load(map.scale + channel) + load(map.shift + channel);
  return min(splat(map.high), max(splat(map.low), y));
}

// Calls visit(channel) so that vectors from there cover all the channels; the last two may overlap.
template <typename Visit>
DENSEHYBRID_INLINE void each_vector(int64_t channels, Visit visit) {
  for (int64_t c = 0; c < channels; c += kLanes) visit(c + kLanes <= channels ? c : channels - kLanes);
}

}  // namespace
}  // namespace densehybrid
