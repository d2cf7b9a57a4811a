#include "common/caching_allocator.h"

#include <thread>
#include <vector>

#include "support.h"  // last: it brings doctest after libtorch

using namespace densehybrid;

TEST_CASE("caching allocator: large blocks are reused by the next job, then given back") {
  install_caching_allocator();
  release_all_blocks();
  const auto address = [] { return at::empty({1 << 20}).data_ptr(); };
  void* first = address();
  release_stale_blocks();
  CHECK(address() == first);
  at::Tensor held = at::empty({1 << 20});
  CHECK(at::empty({1 << 20}).data_ptr() != held.data_ptr());
  for (int job = 0; job < 8; ++job) release_stale_blocks();
  held.fill_(1);  // a block in use is never given back
  CHECK(held.sum().item<float>() == 1 << 20);
}

TEST_CASE("caching allocator: threads may allocate and free at once") {
  install_caching_allocator();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([] {
      for (int i = 0; i < 200; ++i) {
        at::Tensor x = at::full({100'000 + i * 777}, 2.0f);
        if (x[i].item<float>() != 2.0f) std::abort();
        if (i % 20 == 0) release_stale_blocks();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(at::empty({0}).numel() == 0);
}
