#include "models/checkpoint.h"

#include <c10/core/GradMode.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/csrc/autograd/custom_function.h>

namespace densehybrid {
namespace {

struct HeldBlock : torch::CustomClassHolder {
  HeldBlock(const Block& run, const ForwardContext& surroundings) : block(run), context(surroundings) {}
  Block block;
  ForwardContext context;
};

struct Checkpoint : torch::autograd::Function<Checkpoint> {
  // Runs without gradients: autograd switches them off for the forward of a custom function.
  static at::Tensor forward(torch::autograd::AutogradContext* graph, const at::Tensor& x, const at::Tensor& /*parameter*/,
                            const Block& block, const ForwardContext& context) {
    graph->save_for_backward({x});
    graph->saved_data["block"] = c10::IValue::make_capsule(c10::make_intrusive<HeldBlock>(block, context));
    return block(x, context);
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* graph,
                                                 const torch::autograd::variable_list& gradients) {
    const auto held = c10::static_intrusive_pointer_cast<HeldBlock>(graph->saved_data["block"].toCapsule());
    const at::Tensor x = graph->get_saved_variables()[0].detach().requires_grad_();
    ForwardContext context = held->context;
    context.recomputing = true;
    context.checkpointing = false;
    context.probes = nullptr;
    const c10::AutoGradMode with_gradients(true);
    const at::Tensor y = held->block(x, context);
    if (!graph->needs_input_grad(1)) return {torch::autograd::grad({y}, {x}, {gradients[0]})[0], {}, {}, {}};
    // A backward pass within the backward pass: it adds to the gradients of the block's parameters.
    torch::autograd::backward({y}, {gradients[0]});
    return {x.grad(), {}, {}, {}};
  }
};

}  // namespace

at::Tensor run_checkpointed(const at::Tensor& x, const at::Tensor& parameter, const ForwardContext& context,
                            const Block& block) {
  if (!context.checkpointing || !context.training || !c10::GradMode::is_enabled() || !x.requires_grad() ||
      !parameter.requires_grad()) {
    return block(x, context);
  }
  return Checkpoint::apply(x, parameter, block, context);
}

}  // namespace densehybrid
