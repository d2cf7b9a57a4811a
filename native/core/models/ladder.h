#pragma once

#include <string>
#include <vector>

#include "models/backbone.h"

namespace densehybrid {

struct LadderSpec {
  int64_t spp_channels = 512;
  int64_t spp_level_channels = 128;
  std::vector<int64_t> spp_grids = {8, 4, 2, 1};
  std::vector<int64_t> upsample_channels = {256, 256, 128};  // from coarse to fine
  bool auxiliary_heads = true;  // upsample_*.logits_aux of the authors' state dict; evaluated but unused
};

// The ladder decoder of LadderDenseNet (Krešo et al. 2020): spatial pyramid pooling on the deepest map, then one
// upsample unit per skip, from coarse to fine. The output has the stride of the finest skip.
class Ladder {
 public:
  Ladder(StateDict& state, const LadderSpec& spec, int64_t deepest_channels, const std::vector<int64_t>& skip_channels);
  at::Tensor forward(BackboneFeatures features, const ForwardContext& context) const;
  int64_t channels() const { return channels_; }

 private:
  struct UpsampleUnit {
    NormReluConv bottleneck;  // skip → channels of the deeper map, 1×1
    NormReluConv blend;       // 3×3 on the sum
    std::vector<NormReluConv> auxiliary;  // none or one
  };
  at::Tensor pyramid(const at::Tensor& x, const ForwardContext& context) const;

  LadderSpec spec_;
  std::vector<NormReluConv> spp_;  // spp_bn, one per grid, spp_fuse
  std::vector<UpsampleUnit> units_;
  int64_t channels_ = 0;
};

}  // namespace densehybrid
