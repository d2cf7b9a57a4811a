#include "models/weight_cache.h"

#include <mutex>

namespace densehybrid {

struct WeightCache::Kept {
  std::mutex mutex;
  at::Tensor derived;
  int64_t version = -1;
};

WeightCache::WeightCache() : kept_(std::make_shared<Kept>()) {}

at::Tensor WeightCache::get(const at::Tensor& weight, at::ScalarType dtype,
                            const std::function<at::Tensor(const at::Tensor&)>& make) const {
  const at::Tensor value = weight.detach();
  if (value.is_inference()) return make(value);  // made in inference mode: such a tensor counts no versions
  const std::lock_guard lock(kept_->mutex);
  if (kept_->version != weight._version() || kept_->derived.scalar_type() != dtype) {
    kept_->derived = make(value);
    kept_->version = weight._version();
  }
  return kept_->derived;
}

}  // namespace densehybrid
