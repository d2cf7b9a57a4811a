#include "ops/hybrid_loss/fused_loss.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/zeros.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>

#include "ops/bilinear.h"
#include "ops/hybrid_loss/hybrid_loss_cpu.h"
#include "ops/hybrid_loss/loss_counts.h"
#include "ops/tensor_view.h"

namespace densehybrid {

extern const HybridLossKernel kHybridLoss_portable;
extern const HybridLossKernel kHybridLoss_avx2;
extern const HybridLossKernel kHybridLoss_avx512;

#if defined(DENSEHYBRID_CUDA)
FusedLossResult fused_loss_cuda(const FusedLossRequest& request);
#endif

HybridLossKernel hybrid_loss_kernel(CpuPath path) {
  switch (path) {
    case CpuPath::avx512: return kHybridLoss_avx512;
    case CpuPath::avx2: return kHybridLoss_avx2;
    default: return kHybridLoss_portable;
  }
}

namespace {

// Pixels of every label. Four tables, because runs of one label would wait for their own counter.
LabelHistogram histogram(const at::Tensor& labels) {
  const uint8_t* data = labels.const_data_ptr<uint8_t>();
  const int64_t count = labels.numel();
  std::array<std::array<int64_t, 256>, 4> tables{};
  int64_t i = 0;
  for (; i + 4 <= count; i += 4) {
    for (size_t t = 0; t < 4; ++t) ++tables[t][data[i + static_cast<int64_t>(t)]];
  }
  for (; i < count; ++i) ++tables[0][data[i]];
  for (size_t t = 1; t < 4; ++t) {
    for (size_t value = 0; value < 256; ++value) tables[0][value] += tables[t][value];
  }
  return tables[0];
}

// canonical_labels in plain operations, for labels that no loop on the host reaches.
at::Tensor canonical_labels_elsewhere(const at::Tensor& labels, int64_t classes, int64_t negative, int64_t ignore) {
  const at::Tensor ignored = labels == ignore;
  const at::Tensor pasted = (labels == negative).logical_and_(ignored.logical_not());
  const at::Tensor known = (labels >= 0).logical_and_(labels < classes);
  const at::Tensor strange = known.logical_or(ignored).logical_or_(pasted).logical_not_();
  if (strange.any().item<bool>()) {
    fail_label(labels.masked_select(strange)[0].item<int64_t>(), classes, negative, ignore);
  }
  return labels.to(at::kByte).masked_fill_(pasted, kNegativeLabel).masked_fill_(ignored, kIgnoreLabel);
}

// A value and its gradients, computed already.
struct Computed {
  at::Tensor value;
  at::Tensor grad_logits;
  at::Tensor grad_ood_logits;
};

class WithGradients : public torch::autograd::Function<WithGradients> {
 public:
  static at::Tensor forward(torch::autograd::AutogradContext* context, const at::Tensor&,
                            const std::optional<at::Tensor>&, const Computed& computed) {
    context->save_for_backward({computed.grad_logits, computed.grad_ood_logits});
    return computed.value;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& grad_outputs) {
    const auto saved = context->get_saved_variables();
    const auto scaled = [&](const at::Tensor& gradient) {
      return gradient.defined() ? gradient * grad_outputs[0].to(gradient.scalar_type()) : at::Tensor();
    };
    return {scaled(saved[0]), scaled(saved[1]), at::Tensor()};
  }
};

}  // namespace

at::Tensor with_gradients(double total, const at::Tensor& logits, const at::Tensor& grad_logits,
                          const at::Tensor& ood_logits, const at::Tensor& grad_ood_logits) {
  const at::Tensor value = at::scalar_tensor(total, logits.options().dtype(at::kFloat));
  if (!grad_logits.defined()) return value;
  const std::optional<at::Tensor> ood = ood_logits.defined() ? std::optional(ood_logits) : std::nullopt;
  return WithGradients::apply(logits, ood, Computed{value, grad_logits, grad_ood_logits});
}

at::Tensor canonical_labels(const at::Tensor& labels, int64_t classes, int64_t negative, int64_t ignore) {
  if (labels.scalar_type() == at::kByte && negative == kNegativeLabel && ignore == kIgnoreLabel) {
    return labels.contiguous();
  }
  const at::Tensor wide = labels.to(at::kLong).contiguous();
  if (!wide.is_cpu()) return canonical_labels_elsewhere(wide, classes, negative, ignore);
  at::Tensor result = at::empty(wide.sizes(), at::kByte);
  const int64_t* from = wide.const_data_ptr<int64_t>();
  uint8_t* to = result.mutable_data_ptr<uint8_t>();
  for (int64_t i = 0; i < wide.numel(); ++i) {
    if (from[i] == ignore) to[i] = kIgnoreLabel;
    else if (from[i] == negative) to[i] = kNegativeLabel;
    else if (from[i] >= 0 && from[i] < classes) to[i] = static_cast<uint8_t>(from[i]);
    else fail_label(from[i], classes, negative, ignore);
  }
  return result;
}

namespace {

FusedLossResult fused_loss_cpu(const FusedLossRequest& request) {
  const at::Tensor logits = request.logits.detach();
  const at::Tensor ood_logits = request.ood_logits.defined() ? request.ood_logits.detach() : at::Tensor();
  const int64_t images = logits.size(0);
  const int64_t classes = logits.size(1);
  const int64_t rows = logits.size(2);
  const int64_t columns = logits.size(3);
  const int64_t height = request.labels.size(1);
  const int64_t width = request.labels.size(2);

  const LossCounts counts = loss_counts(histogram(request.labels), classes, request.ignore_is_inlier);
  FusedLossResult result;
  const BilinearAxis row_axis = bilinear_axis(rows, height, request.align_corners);
  const BilinearAxis column_axis = bilinear_axis(columns, width, request.align_corners);
  const int64_t bands = (rows + kLossBand - 1) / kLossBand;
  const int64_t carry_floats = (classes + 1) * columns;
  const at::Tensor sums = at::zeros({images, 4, height}, at::kDouble);
  at::Tensor grad_logits, grad_margin, carry;
  if (request.gradients) {
    grad_logits = at::zeros(logits.sizes(), at::kFloat);
    grad_margin = at::zeros({images, 1, rows, columns}, at::kFloat);
    carry = at::zeros({images * bands, carry_floats}, at::kFloat);
  }
  if (request.jsd) result.jsd_map = at::empty({images, height, width}, at::kFloat);

  std::vector<HybridLossJob> jobs(static_cast<size_t>(images));
  for (int64_t n = 0; n < images; ++n) {
    HybridLossJob& job = jobs[static_cast<size_t>(n)];
    job.logits = image_view(logits, n);
    if (ood_logits.defined()) job.ood = image_view(ood_logits, n);
    job.classes = static_cast<int>(classes);
    job.rows = rows;
    job.columns = columns;
    job.height = height;
    job.width = width;
    job.row_axis = row_axis.view();
    job.column_axis = column_axis.view();
    job.labels = request.labels.const_data_ptr<uint8_t>() + n * height * width;
    job.cls_weight = static_cast<float>(mean_of(request.beta_cls, counts.known));
    job.x_weight = static_cast<float>(mean_of(request.beta_x, counts.negatives));
    job.d_weight = static_cast<float>(mean_of(request.beta_d, counts.counted));
    job.jsd_weight = static_cast<float>(mean_of(request.beta_jsd, counts.negatives));
    job.jsd = request.jsd;
    job.ignore_is_inlier = request.ignore_is_inlier;
    double* row_sums = sums.mutable_data_ptr<double>() + n * 4 * height;
    job.cls = row_sums;
    job.x = row_sums + height;
    job.d = row_sums + 2 * height;
    job.jsd_sum = row_sums + 3 * height;
    if (request.jsd) job.jsd_map = result.jsd_map.mutable_data_ptr<float>() + n * height * width;
    if (request.gradients) {
      job.grad_logits = grad_logits.mutable_data_ptr<float>() + n * classes * rows * columns;
      job.grad_margin = grad_margin.mutable_data_ptr<float>() + n * rows * columns;
    }
  }
  if (request.labels.numel() > 0) {
    const HybridLossKernel kernel = hybrid_loss_kernel(request.cpu_path.value_or(default_cpu_path()));
    const int64_t scratch_floats = (kernel.scratch(jobs.front()) + 15) / 16 * 16;
    const at::Tensor scratch = at::empty({at::get_num_threads() * scratch_floats}, at::kFloat);
    at::parallel_for(0, images * bands, 1, [&](int64_t first, int64_t last) {
      float* mine = scratch.mutable_data_ptr<float>() + at::get_thread_num() * scratch_floats;
      for (int64_t task = first; task < last; ++task) {
        const int64_t top = task % bands * kLossBand;
        float* behind = request.gradients ? carry.mutable_data_ptr<float>() + task * carry_floats : nullptr;
        kernel.band(jobs[static_cast<size_t>(task / bands)], top, std::min(top + kLossBand, rows), behind, mine);
      }
    });
  }

  const at::Tensor totals = sums.sum(at::IntArrayRef{0, 2});
  set_values(totals.const_data_ptr<double>(), counts, result);
  if (!request.gradients) return result;

  // The first row of a band also gets what the band above it left behind.
  for (int64_t n = 0; n < images; ++n) {
    for (int64_t band = 1; band < bands; ++band) {
      const at::Tensor from = carry[n * bands + band - 1].view({classes + 1, columns});
      const int64_t row = band * kLossBand;
      grad_logits[n].select(1, row).add_(from.narrow(0, 0, classes));
      grad_margin[n].select(1, row).add_(from.narrow(0, classes, 1));
    }
  }
  const auto like = [](const at::Tensor& gradient, const at::Tensor& input) {
    return gradient.to(input.scalar_type()).contiguous(input.suggest_memory_format());
  };
  result.grad_logits = like(grad_logits, logits);
  if (ood_logits.defined()) result.grad_ood_logits = like(at::cat({-grad_margin, grad_margin}, 1), ood_logits);
  return result;
}

}  // namespace

FusedLossResult fused_loss(const FusedLossRequest& request) {
#if defined(DENSEHYBRID_CUDA)
  if (request.logits.is_cuda()) return fused_loss_cuda(request);
#endif
  return fused_loss_cpu(request);
}

}  // namespace densehybrid
