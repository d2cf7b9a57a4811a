#include "ops/pointwise_conv/pointwise_conv.h"

#include <ATen/Parallel.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/ops/as_strided.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/mm.h>

#include <algorithm>

#include "ops/tensor_view.h"

namespace densehybrid {
namespace {

constexpr int64_t kTileBytes = 1 << 20;  // the tiles before and after the product together
constexpr int64_t kLeastPixels = 32;

// The pixels of x as a matrix [pixels, channels].
at::Tensor pixel_matrix(const at::Tensor& x) {
  return at::as_strided(x, {x.size(0) * x.size(2) * x.size(3), x.size(1)}, {pixel_pitch(x), 1});
}

NormReluJob job_of(const NormRelu& map, const at::Tensor& source, const at::Tensor& out) {
  NormReluJob job;
  job.source_bf16 = source.scalar_type() == at::kBFloat16;
  job.out_bf16 = out.scalar_type() == at::kBFloat16;
  job.channels = map.channels();
  job.map = map.view();
  job.source = source.const_data_ptr();
  job.source_pitch = source.stride(0);
  job.out = out.mutable_data_ptr();
  job.out_pitch = out.stride(0);
  return job;
}

}  // namespace

void pointwise_conv(const at::Tensor& x, const at::Tensor& weight, const PointwiseSurroundings& around,
                    const at::Tensor& out) {
  TORCH_CHECK(has_cpu_kernel(x) && is_pixel_matrix(x) && is_pixel_matrix(out) && x.scalar_type() == out.scalar_type(),
              "pointwise_conv: expected pixels of one dtype, float32 or bf16");
  const bool converts = weight.scalar_type() != x.scalar_type();
  TORCH_CHECK(!converts || weight.scalar_type() == at::kFloat,
              "pointwise_conv: expected a weight in float32 or in the dtype of the pixels");
  TORCH_CHECK(weight.size(0) == out.size(1) && weight.size(1) == x.size(1) && x.size(0) == out.size(0) &&
                  x.size(2) == out.size(2) && x.size(3) == out.size(3),
              "pointwise_conv: sizes do not fit");
  const at::AutoDispatchBelowADInplaceOrView no_autograd;
  const at::Tensor source = pixel_matrix(x);
  const at::Tensor target = pixel_matrix(out);
  const at::Tensor matrix = weight.t();
  NormReluAddend addend;
  if (around.addend.defined()) {
    TORCH_CHECK(around.after != nullptr && addend_fits(around.addend, out.sizes()) &&
                    around.addend.scalar_type() == out.scalar_type(),
                "pointwise_conv: expected an addend like the output");
    addend = addend_view(around.addend, out.size(2), out.size(3));
  }

  const int64_t pixels = source.size(0);
  const int64_t threads = at::get_num_threads();
  const int64_t pixel_bytes = (weight.size(0) + weight.size(1)) * static_cast<int64_t>(weight.element_size());
  const int64_t most = std::max(kTileBytes / pixel_bytes / kLeastPixels * kLeastPixels, kLeastPixels);
  // As many tiles for every thread, of about the same size.
  const int64_t tiles = std::max<int64_t>(1, std::min((pixels + most * threads - 1) / (most * threads) * threads,
                                                      pixels / kLeastPixels));
  const int64_t tile = (pixels + tiles - 1) / tiles;
  const bool direct_source = !converts && around.before == nullptr;
  const bool direct_target = !converts && around.after == nullptr;
  const auto scratch = [&](int64_t channels) { return at::empty({threads * tile, channels}, weight.options()); };
  const at::Tensor sources = direct_source ? source : scratch(source.size(1));
  const at::Tensor products = direct_target ? target : scratch(target.size(1));
  const NormReluKernel kernel = norm_relu_kernel(default_cpu_path());

  at::parallel_for(0, tiles, 1, [&](int64_t first_tile, int64_t last_tile) {
    const at::AutoDispatchBelowADInplaceOrView no_autograd_here;  // it is per thread
    const int64_t mine = at::get_thread_num() * tile;
    for (int64_t t = first_tile; t < last_tile; ++t) {
      const int64_t first = t * tile;
      const int64_t count = std::min(tile, pixels - first);
      if (count <= 0) return;
      const at::Tensor input = sources.narrow(0, direct_source ? first : mine, count);
      at::Tensor product = products.narrow(0, direct_target ? first : mine, count);
      if (around.before != nullptr) {
        kernel.pixels(job_of(*around.before, source.narrow(0, first, count), input), 0, count);
      } else if (!direct_source) {
        input.copy_(source.narrow(0, first, count));
      }
      at::mm_out(product, input, matrix);
      if (around.after != nullptr) {
        NormReluJob job = job_of(*around.after, product, target.narrow(0, first, count));
        job.addend = addend;
        job.origin = first;
        kernel.pixels(job, first, first + count);
      } else if (!direct_target) {
        target.narrow(0, first, count).copy_(product);
      }
    }
  });
}

}  // namespace densehybrid
