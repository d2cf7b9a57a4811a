#include "models/weight_cache.h"

#include <c10/core/GradMode.h>

#include <mutex>

namespace densehybrid {

struct WeightCache::Kept {
  std::mutex mutex;
  at::Tensor derived;
  int64_t version = -1;
};

WeightCache::WeightCache() : kept_(std::make_shared<Kept>()) {}

at::Tensor WeightCache::get(at::ArrayRef<at::Tensor> weights, at::ScalarType dtype,
                            const std::function<at::Tensor()>& make) const {
  const c10::NoGradGuard no_grad;
  int64_t version = 0;  // versions only rise, and so does their sum
  for (const at::Tensor& weight : weights) {
    if (weight.is_inference()) return make();  // made in inference mode: such a tensor counts no versions
    version += static_cast<int64_t>(weight._version());
  }
  const std::lock_guard lock(kept_->mutex);
  if (kept_->version != version || kept_->derived.scalar_type() != dtype) {
    kept_->derived = make();
    kept_->version = version;
  }
  return kept_->derived;
}

at::Tensor WeightCache::get(const at::Tensor& weight, at::ScalarType dtype,
                            const std::function<at::Tensor(const at::Tensor&)>& make) const {
  return get(at::ArrayRef<at::Tensor>(weight), dtype, [&] { return make(weight.detach()); });
}

}  // namespace densehybrid
