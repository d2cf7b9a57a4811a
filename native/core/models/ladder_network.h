#pragma once

#include <memory>

#include "models/ladder.h"
#include "models/network.h"

namespace densehybrid {

// Backbone → ladder → class logits and open-set head, both on the pre-logits of the ladder.
class LadderNetwork : public Network {
 public:
  // The backbone's tensors are in `state` already.
  LadderNetwork(StateDict& state, std::unique_ptr<Backbone> backbone, const LadderSpec& spec, int64_t classes);
  NetworkOutput forward(const at::Tensor& image, const ForwardContext& context) const override;

 private:
  std::unique_ptr<Backbone> backbone_;
  Ladder ladder_;
  NormReluConv logits_;
  NormReluConv ood_logits_;
};

}  // namespace densehybrid
