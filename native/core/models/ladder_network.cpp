#include "models/ladder_network.h"

#include <utility>

namespace densehybrid {

LadderNetwork::LadderNetwork(StateDict& state, std::unique_ptr<Backbone> backbone, const LadderSpec& spec,
                             int64_t classes)
    : backbone_(std::move(backbone)),
      ladder_(state, spec, backbone_->channels(), backbone_->skip_channels()),
      logits_(state, "logits", ConvSpec{.in = ladder_.channels(), .out = classes, .bias = true}),
      ood_logits_(open_set_head(state, ladder_.channels())) {}

NetworkOutput LadderNetwork::forward(const at::Tensor& image, const ForwardContext& context) const {
  context.cancel.check();
  const bool decoder_frozen = context.freeze == Freeze::all_but_head;
  BackboneFeatures features = run_part(context.freeze != Freeze::nothing, image, context,
                                       [&](const ForwardContext& inner) { return backbone_->forward(image, inner); });
  const at::Tensor pre_logits = run_part(decoder_frozen, features.deepest, context, [&](const ForwardContext& inner) {
    return ladder_.forward(std::move(features), inner);
  });
  const at::Tensor logits = run_part(decoder_frozen, pre_logits, context,
                                     [&](const ForwardContext& inner) { return logits_.forward(pre_logits, inner); });
  return {logits, ood_logits_.forward(pre_logits, context)};
}

}  // namespace densehybrid
