#include "models/pad.h"

#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/custom_function.h>

namespace densehybrid {
namespace {

struct PadChannelsLast : torch::autograd::Function<PadChannelsLast> {
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor& x, int64_t left, int64_t right,
                            int64_t top, int64_t bottom) {
    const int64_t height = x.size(2);
    const int64_t width = x.size(3);
    context->saved_data["top"] = top;
    context->saved_data["left"] = left;
    context->saved_data["height"] = height;
    context->saved_data["width"] = width;
    at::Tensor padded = at::empty({x.size(0), x.size(1), top + height + bottom, left + width + right}, x.options(),
                                  at::MemoryFormat::ChannelsLast);
    padded.narrow(2, 0, top).zero_();
    padded.narrow(2, top + height, bottom).zero_();
    at::Tensor rows = padded.narrow(2, top, height);
    rows.narrow(3, 0, left).zero_();
    rows.narrow(3, left + width, right).zero_();
    rows.narrow(3, left, width).copy_(x);
    return padded;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const auto saved = [&](const char* name) { return context->saved_data[name].toInt(); };
    const at::Tensor inner = gradients[0].narrow(2, saved("top"), saved("height")).narrow(3, saved("left"), saved("width"));
    return {inner.contiguous(at::MemoryFormat::ChannelsLast), {}, {}, {}, {}};
  }
};

}  // namespace

at::Tensor pad_channels_last(const at::Tensor& x, int64_t left, int64_t right, int64_t top, int64_t bottom) {
  return PadChannelsLast::apply(x, left, right, top, bottom);
}

}  // namespace densehybrid
