#include "models/profile.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <c10/core/Allocator.h>
#include <c10/core/GradMode.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <mutex>
#include <utility>

#include "models/meta_kernels.h"

namespace densehybrid {
namespace {

// Counts the bytes of tensors on the device Meta, which have no memory.
class CountingAllocator : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    live += static_cast<int64_t>(bytes);
    peak = std::max(peak, live);
    return {nullptr, new Block{this, static_cast<int64_t>(bytes)}, &free_block, at::Device(at::kMeta)};
  }
  void copy_data(void*, const void*, size_t) const override {}

  int64_t live = 0;
  int64_t peak = 0;

 private:
  struct Block {
    CountingAllocator* owner;
    int64_t bytes;
  };
  static void free_block(void* block) {
    auto* freed = static_cast<Block*>(block);
    freed->owner->live -= freed->bytes;
    delete freed;
  }
};

// The allocator in place of the usual one for the device Meta. One profile at a time.
class CountMeta {
 public:
  CountMeta() : lock_(mutex()), usual_(c10::GetAllocator(at::kMeta)) { c10::SetAllocator(at::kMeta, &counter, kPriority); }
  ~CountMeta() { c10::SetAllocator(at::kMeta, usual_, kPriority); }
  CountMeta(const CountMeta&) = delete;
  CountMeta& operator=(const CountMeta&) = delete;

  CountingAllocator counter;

 private:
  static constexpr uint8_t kPriority = 1;
  static std::mutex& mutex() {
    static std::mutex one;
    return one;
  }
  std::lock_guard<std::mutex> lock_;
  c10::Allocator* usual_;
};

}  // namespace

ModelProfile profile_model(ModelConfig config, const ImageBatch& scored, const ImageBatch& trained, bool checkpointing) {
  CountMeta meta;
  const MetaKernels kernels;
  config.device = at::kMeta;
  ModelProfile profile;
  {
    const auto model = create_model(config);
    profile.parameters = model->state().parameter_count();
    const int64_t weights = meta.counter.live;
    const auto image_of = [](const ImageBatch& batch) {
      return at::empty({batch.images, 3, batch.height, batch.width},
                       at::TensorOptions().dtype(at::kFloat).device(at::kMeta), at::MemoryFormat::ChannelsLast);
    };
    {
      const c10::InferenceMode inference;
      meta.counter.peak = weights;
      MetaKernels::convolution_flops() = 0.0;
      model->forward(image_of(scored), {});
      profile.flops = MetaKernels::convolution_flops();
      profile.inference_bytes = meta.counter.peak;
    }
    meta.counter.peak = weights;
    {
      const c10::AutoGradMode with_gradients(true);
      ForwardContext context;
      context.training = true;
      context.checkpointing = checkpointing;
      const auto output = model->forward(image_of(trained), context);
      (output.logits.sum() + output.ood_logits.sum()).backward();  // some loss over both maps
    }
    const int64_t moments = 2 * profile.parameters * static_cast<int64_t>(sizeof(float));
    profile.training_bytes = meta.counter.peak + moments;
    for (const auto& entry : model->state().entries()) entry.tensor.mutable_grad().reset();
  }
  return profile;
}

}  // namespace densehybrid
