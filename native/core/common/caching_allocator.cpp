#include "common/caching_allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

namespace densehybrid {
namespace {

constexpr size_t kAlignment = 64;
constexpr size_t kLargeBytes = 256 << 10;   // smaller blocks are malloc's business
constexpr size_t kStepBytes = 4 << 10;      // large blocks are multiples of this
constexpr size_t kHugePageBytes = 2 << 20;
constexpr size_t kLargestShare = 8;         // a block is never cut for a request smaller than its eighth part
constexpr uint64_t kKeepGenerations = 3;    // jobs that a segment may stay unused

// A piece of a segment, which is what the system gave at once; the pieces of a segment know their neighbours.
struct Block {
  char* data = nullptr;
  size_t size = 0;
  Block* before = nullptr;
  Block* after = nullptr;
  bool free = false;
  uint64_t generation = 0;  // when it was freed

  bool whole_segment() const { return before == nullptr && after == nullptr; }
};

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

  uint64_t system_requests() {
    const std::lock_guard lock(mutex_);
    return system_requests_;
  }

  static CachingAllocator& instance() {
    static auto* allocator = new CachingAllocator();  // never destroyed: tensors may outlive static destructors
    return *allocator;
  }

 private:
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
    const size_t size = (bytes + kStepBytes - 1) / kStepBytes * kStepBytes;
    const std::lock_guard lock(mutex_);
    Block* block = best_fit(size);
    if (block == nullptr) block = new_segment(size);
    TORCH_CHECK(block != nullptr, "not enough memory: you tried to allocate ", bytes, " bytes.");
    if (block->size - size >= kLargeBytes) split(*block, size);
    used_.emplace(block->data, block);
    return block->data;
  }

  // The smallest free block for the request, taken out of the free ones; null when there is none.
  Block* best_fit(size_t size) {
    const auto found = free_.lower_bound({size, nullptr});
    if (found == free_.end() || found->first.first > size * kLargestShare) return nullptr;
    Block* block = found->second;
    free_.erase(found);
    block->free = false;
    return block;
  }

  Block* new_segment(size_t size) {
    ++system_requests_;
    const bool huge = size >= 2 * kHugePageBytes;
    const size_t alignment = huge ? kHugePageBytes : kAlignment;
    void* data = system_allocate(alignment, size);
    if (data == nullptr) {
      release_unused_since(UINT64_MAX);
      data = system_allocate(alignment, size);
      if (data == nullptr) return nullptr;
    }
    if (huge) ::madvise(data, size, MADV_HUGEPAGE);  // a hint; it may be refused
    return new Block{.data = static_cast<char*>(data), .size = size};
  }

  void add_free(Block* block) {
    block->free = true;
    free_.emplace(std::pair(block->size, block->data), block);
  }

  // Keeps the first `size` bytes of a block; the rest becomes a free block.
  void split(Block& block, size_t size) {
    Block* rest = new Block{.data = block.data + size,
                            .size = block.size - size,
                            .before = &block,
                            .after = block.after,
                            .generation = generation_};
    if (block.after != nullptr) block.after->before = rest;
    block.after = rest;
    block.size = size;
    add_free(rest);
  }

  // Joins `second`, the free neighbour behind `first`, to it.
  void join(Block& first, Block* second) {
    first.size += second->size;
    first.after = second->after;
    if (second->after != nullptr) second->after->before = &first;
    delete second;
  }

  static void free(void* data) {
    if (data != nullptr && !instance().keep(data)) std::free(data);
  }

  // Takes a large block back; false when `data` is none.
  bool keep(void* data) {
    const std::lock_guard lock(mutex_);
    const auto found = used_.find(data);
    if (found == used_.end()) return false;
    Block* block = found->second;
    used_.erase(found);
    const auto take_out = [&](Block* neighbour) { free_.erase({neighbour->size, neighbour->data}); };
    if (block->after != nullptr && block->after->free) {
      take_out(block->after);
      join(*block, block->after);
    }
    if (block->before != nullptr && block->before->free) {
      Block* first = block->before;
      take_out(first);
      join(*first, block);
      block = first;
    }
    block->generation = generation_;
    add_free(block);
    return true;
  }

  void release_unused_since(uint64_t generation) {
    std::erase_if(free_, [&](const auto& entry) {
      Block* block = entry.second;
      if (!block->whole_segment() || block->generation >= generation) return false;
      std::free(block->data);
      delete block;
      return true;
    });
  }

  std::mutex mutex_;
  std::map<std::pair<size_t, char*>, Block*> free_;  // by size
  std::unordered_map<void*, Block*> used_;
  uint64_t generation_ = 0;
  uint64_t system_requests_ = 0;
};

}  // namespace

void install_caching_allocator() {
  static std::once_flag once;
  std::call_once(once, [] { c10::SetCPUAllocator(&CachingAllocator::instance(), /*priority=*/1); });
}

void release_stale_blocks() { CachingAllocator::instance().next_generation(); }

void release_all_blocks() { CachingAllocator::instance().release_all(); }

uint64_t system_block_requests() { return CachingAllocator::instance().system_requests(); }

}  // namespace densehybrid
