#include "models/weight_cache.h"

#include <mutex>

namespace densehybrid {

struct WeightCache::Kept {
  std::mutex mutex;
  at::Tensor cast;
  int64_t version = -1;
};

WeightCache::WeightCache() : kept_(std::make_shared<Kept>()) {}

at::Tensor WeightCache::get(const at::Tensor& weight, at::ScalarType dtype) const {
  const at::Tensor value = weight.detach();
  // A tensor that was made in inference mode counts no versions.
  if (value.scalar_type() == dtype || value.is_inference()) return value.to(dtype);
  const std::lock_guard lock(kept_->mutex);
  if (kept_->version != weight._version() || kept_->cast.scalar_type() != dtype) {
    kept_->cast = value.to(dtype);
    kept_->version = weight._version();
  }
  return kept_->cast;
}

}  // namespace densehybrid
