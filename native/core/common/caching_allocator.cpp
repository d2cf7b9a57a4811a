#include "common/caching_allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>

#include <bit>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <vector>

namespace densehybrid {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kLargeBytes = 256 << 10;     // smaller blocks are malloc's business
constexpr size_t kHugePageBytes = 2 << 20;
constexpr uint64_t kKeepGenerations = 3;      // jobs that a block may stay unused

class CachingAllocator final : public c10::Allocator {
 public:
  c10::DataPtr allocate(size_t bytes) override {
    void* data = bytes == 0 ? nullptr : bytes < kLargeBytes ? take_small(bytes) : take_large(bytes);
    return {data, data, &CachingAllocator::free, c10::Device(c10::kCPU)};
  }
  c10::DeleterFnPtr raw_deleter() const override { return &CachingAllocator::free; }
  void copy_data(void* target, const void* source, size_t bytes) const override { std::memcpy(target, source, bytes); }

  void next_generation() {
    const std::lock_guard lock(mutex_);
    ++generation_;
    release_unused_since(generation_ > kKeepGenerations ? generation_ - kKeepGenerations : 0);
  }
  void release_all() {
    const std::lock_guard lock(mutex_);
    release_unused_since(UINT64_MAX);
  }

  static CachingAllocator& instance() {
    static auto* allocator = new CachingAllocator();  // never destroyed: tensors may outlive static destructors
    return *allocator;
  }

 private:
  struct FreeBlock {
    void* data;
    uint64_t generation;  // when it was freed
  };

  // Rounded up to one of eight steps per power of two, so that nearly equal sizes share blocks: at most 12.5 % waste.
  static size_t size_class(size_t bytes) {
    const size_t step = std::bit_floor(bytes) / 8;
    return (bytes + step - 1) / step * step;
  }

  static void* system_allocate(size_t alignment, size_t bytes) {
    void* data = nullptr;
    return ::posix_memalign(&data, alignment, bytes) == 0 ? data : nullptr;
  }

  static void* take_small(size_t bytes) {
    void* data = system_allocate(kAlignment, bytes);
    TORCH_CHECK(data != nullptr, "not enough memory: you tried to allocate ", bytes, " bytes.");
    return data;
  }

  void* take_large(size_t bytes) {
    const size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    auto& blocks = free_[size];
    void* data = nullptr;
    if (!blocks.empty()) {
      data = blocks.back().data;
      blocks.pop_back();
    } else {
      const bool huge = size >= 2 * kHugePageBytes;
      const size_t alignment = huge ? kHugePageBytes : kAlignment;
      data = system_allocate(alignment, size);
      if (data == nullptr) {
        release_unused_since(UINT64_MAX);
        data = system_allocate(alignment, size);
      }
      TORCH_CHECK(data != nullptr, "not enough memory: you tried to allocate ", bytes, " bytes.");
      if (huge) ::madvise(data, size, MADV_HUGEPAGE);  // a hint; it may be refused
    }
    large_.emplace(data, size);
    return data;
  }

  static void free(void* data) {
    if (data != nullptr && !instance().keep(data)) std::free(data);
  }

  // Takes a large block back; false when `data` is none.
  bool keep(void* data) {
    const std::lock_guard lock(mutex_);
    const auto found = large_.find(data);
    if (found == large_.end()) return false;
    free_[found->second].push_back({data, generation_});
    large_.erase(found);
    return true;
  }

  void release_unused_since(uint64_t generation) {
    for (auto& [size, blocks] : free_) {
      std::erase_if(blocks, [&](const FreeBlock& block) {
        if (block.generation >= generation) return false;
        std::free(block.data);
        return true;
      });
    }
  }

  std::mutex mutex_;
  std::map<size_t, std::vector<FreeBlock>> free_;  // by size class
  std::unordered_map<void*, size_t> large_;        // blocks in use
  uint64_t generation_ = 0;
};

}  // namespace

void install_caching_allocator() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(&CachingAllocator::instance(), /*priority=*/1); });
}

void release_stale_blocks() { CachingAllocator::instance().next_generation(); }

void release_all_blocks() { CachingAllocator::instance().release_all(); }

}  // namespace densehybrid
