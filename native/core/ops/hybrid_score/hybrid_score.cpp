#include "ops/hybrid_score/hybrid_score.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "common/error.h"
#include "ops/bilinear.h"
#include "ops/hybrid_score/hybrid_score_cpu.h"
#include "ops/hybrid_score/hybrid_score_reference.h"
#include "ops/tensor_view.h"

namespace densehybrid {

extern const HybridScoreKernel kHybridScore_portable;
extern const HybridScoreKernel kHybridScore_avx2;
extern const HybridScoreKernel kHybridScore_avx512;

#if defined(DENSEHYBRID_CUDA)
HybridScoreResult hybrid_score_cuda(const at::Tensor& logits, const at::Tensor& ood_logits,
                                    const HybridScoreOptions& options, const CancelToken& cancel);
#endif

HybridScoreKernel hybrid_score_kernel(CpuPath path) {
  switch (path) {
    case CpuPath::avx512: return kHybridScore_avx512;
    case CpuPath::avx2: return kHybridScore_avx2;
    default: return kHybridScore_portable;
  }
}

namespace {

constexpr int64_t kBand = 32;  // target rows of one task

void check(const at::Tensor& logits, const at::Tensor& ood_logits, const HybridScoreOptions& options) {
  const auto fail = [](const std::string& message) { throw Error("INVALID_ARGUMENT", message); };
  if (logits.dim() != 4 || logits.size(1) < 1 || logits.size(1) > 254 || logits.size(2) < 1 || logits.size(3) < 1) {
    fail("Expected logits N×K×h×w with K from 1 to 254.");
  }
  const auto expected = {logits.size(0), int64_t{2}, logits.size(2), logits.size(3)};
  if (!ood_logits.sizes().equals(at::IntArrayRef(expected))) fail("Expected oodLogits N×2×h×w of the logits' size.");
  if (options.height < 1 || options.width < 1) fail("Expected a target size of at least 1×1.");
  // Columns are counted in 32 bits.
  if (options.height > (1 << 24) || options.width > (1 << 24)) fail("Expected a target size of at most 16777216.");
}

HybridScoreResult hybrid_score_cpu(const at::Tensor& logits, const at::Tensor& ood_logits,
                                   const HybridScoreOptions& options, const CancelToken& cancel) {
  const int64_t images = logits.size(0);
  const BilinearAxis rows = bilinear_axis(logits.size(2), options.height, options.align_corners);
  const BilinearAxis columns = bilinear_axis(logits.size(3), options.width, options.align_corners);

  HybridScoreResult result;
  const std::array<int64_t, 3> shape = {images, options.height, options.width};
  result.labels = at::empty(shape, at::kByte);
  for (const std::string& name : options.scores) result.scores[name] = at::empty(shape, at::kFloat);

  std::vector<HybridScoreJob> jobs(static_cast<size_t>(images));
  for (int64_t n = 0; n < images; ++n) {
    HybridScoreJob& job = jobs[static_cast<size_t>(n)];
    job.logits = image_view(logits, n);
    job.ood = image_view(ood_logits, n);
    job.classes = static_cast<int>(logits.size(1));
    job.height = options.height;
    job.width = options.width;
    job.rows = rows.view();
    job.columns = columns.view();
    const int64_t offset = n * options.height * options.width;
    const auto map = [&](const char* name) {
      const auto found = result.scores.find(name);
      return found == result.scores.end() ? nullptr : found->second.mutable_data_ptr<float>() + offset;
    };
    job.labels = result.labels.mutable_data_ptr<uint8_t>() + offset;
    job.hybrid = map("hybrid");
    job.discriminative = map("discriminative");
    job.generative = map("generative");
    job.max_softmax = map("maxSoftmax");
    job.max_logit = map("maxLogit");
    job.entropy = map("entropy");
    job.open = options.threshold.has_value();
    job.threshold = static_cast<float>(options.threshold.value_or(0.0));
  }
  if (jobs.empty()) return result;

  const HybridScoreKernel kernel = hybrid_score_kernel(options.cpu_path.value_or(default_cpu_path()));
  // A multiple of the cache line, so that threads do not share one.
  const int64_t scratch_floats = (kernel.scratch(jobs.front()) + 15) / 16 * 16;
  const at::Tensor scratch = at::empty({at::get_num_threads() * scratch_floats}, at::kFloat);
  const int64_t bands = (options.height + kBand - 1) / kBand;
  std::atomic<int64_t> non_finite = 0;
  at::parallel_for(0, images * bands, 1, [&](int64_t first, int64_t last) {
    float* mine = scratch.mutable_data_ptr<float>() + at::get_thread_num() * scratch_floats;
    for (int64_t task = first; task < last; ++task) {
      if (cancel.cancelled()) return;
      const int64_t top = task % bands * kBand;
      non_finite += kernel.rows(jobs[static_cast<size_t>(task / bands)], top, std::min(top + kBand, options.height), mine);
    }
  });
  cancel.check();
  result.non_finite = non_finite;
  return result;
}

}  // namespace

const std::vector<std::string>& score_names() {
  static const std::vector<std::string> names = {"hybrid",     "discriminative", "generative",
                                                 "maxSoftmax", "maxLogit",       "entropy"};
  return names;
}

HybridScoreResult hybrid_score(const at::Tensor& logits, const at::Tensor& ood_logits,
                               const HybridScoreOptions& options, const CancelToken& cancel) {
  check(logits, ood_logits, options);
  if (!has_kernel(logits, ood_logits)) return hybrid_score_reference(logits, ood_logits, options, cancel);
#if defined(DENSEHYBRID_CUDA)
  if (logits.is_cuda()) return hybrid_score_cuda(logits, ood_logits, options, cancel);
#endif
  return hybrid_score_cpu(logits, ood_logits, options, cancel);
}

}  // namespace densehybrid
