#include "flow/flow_config.h"

#include "common/error.h"

namespace densehybrid {

const std::vector<FlowConfig>& flow_architectures() {
  static const std::vector<FlowConfig> known = {
      // The authors' flow for joint training: 64×64 patches, uniform dequantisation.
      {.architecture = "denseflow",
       .units = {3, 2, 1},
       .layers = {3, 4, 8},
       .mid = {32, 32, 32},
       .growth = 6,
       .net_depth = 7,
       .net_growth = 64},
      // The stand-alone DenseFlow: attention in the coupling nets, variational dequantisation.
      {.architecture = "denseflow-attention",
       .units = {3, 2, 1},
       .layers = {3, 4, 8},
       .mid = {32, 32, 32},
       .growth = 6,
       .net_depth = 7,
       .net_growth = 64,
       .attention = true,
       .variational = true},
      // Small enough for joint training on a CPU.
      {.architecture = "denseflow-tiny",
       .units = {2, 2, 1},
       .layers = {2, 2, 2},
       .mid = {24, 24, 24},
       .growth = 4,
       .net_depth = 2,
       .net_growth = 24},
  };
  return known;
}

namespace {

constexpr int64_t kMostBlocks = 5;
constexpr int64_t kMost = 1024;

void check_count(const std::string& name, int64_t value, int64_t least) {
  if (value >= least && value <= kMost) return;
  throw Error("INVALID_ARGUMENT", "Expected a whole number from " + std::to_string(least) + " to " +
                                      std::to_string(kMost) + " for " + name + " but received " +
                                      std::to_string(value) + ".");
}

void check_counts(const std::string& name, const std::vector<int64_t>& values, size_t blocks, int64_t least) {
  if (values.size() != blocks) {
    throw Error("INVALID_ARGUMENT", "Expected " + std::to_string(blocks) + " numbers for " + name +
                                        ", one per dense block, but received " + std::to_string(values.size()) + ".");
  }
  for (const int64_t value : values) check_count(name, value, least);
}

}  // namespace

void check_flow_config(const FlowConfig& config) {
  const size_t blocks = config.units.size();
  if (blocks < 1 || blocks > kMostBlocks) {
    throw Error("INVALID_ARGUMENT", "Expected from 1 to " + std::to_string(kMostBlocks) +
                                        " dense blocks for units but received " + std::to_string(blocks) + ".");
  }
  check_counts("units", config.units, blocks, 1);
  check_counts("layers", config.layers, blocks, 1);
  check_counts("mid", config.mid, blocks, 2);
  check_count("growth", config.growth, 1);
  check_count("netDepth", config.net_depth, 1);
  check_count("netGrowth", config.net_growth, 1);
}

}  // namespace densehybrid
