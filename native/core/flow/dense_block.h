#pragma once

#include <memory>
#include <vector>

#include "flow/bijection.h"
#include "flow/coupling_net.h"
#include "flow/cross_unit_noise.h"
#include "flow/glow_step.h"

namespace densehybrid {

struct DenseBlockSpec {
  int64_t channels = 0;
  int64_t units = 1;
  int64_t layers = 1;  // GlowSteps per unit
  int64_t growth = 4;  // noise channels between units
  CouplingNetSpec net;
};

// Units of bijections with noise appended between them, so that later units have room that grows and see the inputs of
// all earlier ones.
class DenseBlock : public Bijection {
 public:
  DenseBlock(StateDict& state, const std::string& prefix, const DenseBlockSpec& spec);
  FlowStep forward(const at::Tensor& x, FlowContext& context) const override;
  at::Tensor inverse(const at::Tensor& z, FlowContext& context) const override;

  int64_t channels() const { return channels_; }  // of the output
  const std::vector<const ActNorm*>& norms() const { return norms_; }

 private:
  std::vector<CrossUnitNoise> noise_;  // before every unit but the first
  std::vector<std::vector<std::unique_ptr<GlowStep>>> units_;
  std::vector<const ActNorm*> norms_;
  int64_t channels_;
};

}  // namespace densehybrid
