#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <vector>

namespace densehybrid {

// Everything that is needed to build a flow, and that its checkpoint carries.
struct FlowConfig {
  std::string architecture;           // the named configuration that it started from
  std::vector<int64_t> units;         // of every dense block
  std::vector<int64_t> layers;        // per unit, of every dense block
  std::vector<int64_t> mid;           // channels of the coupling nets, of every dense block
  int64_t growth = 0;                 // noise channels appended between units
  int64_t net_depth = 0;              // dense layers of a coupling net
  int64_t net_growth = 0;             // and the channels each appends
  bool attention = false;             // heads beside the dense layers
  bool variational = false;           // dequantisation by a flow of its own instead of uniform noise
  uint64_t seed = 0;
  at::Device device = at::kCPU;

  // Height and width of patches are multiples of it: 2 per squeeze.
  int64_t reduction() const { return int64_t{2} << (units.size() - 1); }
};

// The named configurations, without seed and device.
const std::vector<FlowConfig>& flow_architectures();

// Throws Error INVALID_ARGUMENT naming the first field that is wrong.
void check_flow_config(const FlowConfig& config);

}  // namespace densehybrid
