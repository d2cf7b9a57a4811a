#include "common/caching_allocator.h"

#include <c10/core/InferenceMode.h>

#include <thread>
#include <vector>

#include "models/registry.h"
#include "ops/hybrid_score/hybrid_score.h"

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

TEST_CASE("caching allocator: a free block is cut for smaller requests and joined again") {
  install_caching_allocator();
  release_all_blocks();
  const auto bytes = [](int64_t count) { return at::empty({count}, at::kByte); };
  const auto address = [](const at::Tensor& x) { return static_cast<char*>(x.data_ptr()); };
  char* whole = address(bytes(8 << 20));
  {
    const at::Tensor first = bytes(3 << 20);
    const at::Tensor second = bytes(4 << 20);
    const at::Tensor third = bytes(1 << 20);
    CHECK(address(first) == whole);
    CHECK(address(second) == whole + (3 << 20));
    CHECK(address(third) == whole + (7 << 20));
    const at::Tensor elsewhere = bytes(1 << 20);
    CHECK((address(elsewhere) < whole || address(elsewhere) >= whole + (8 << 20)));
  }
  CHECK(address(bytes(8 << 20)) == whole);
  CHECK(address(bytes(512 << 10)) != whole);  // too small a part of it
  release_all_blocks();
}

TEST_CASE("caching allocator: blocks of random sizes and lives never overlap") {
  install_caching_allocator();
  at::manual_seed(3);
  std::vector<std::pair<at::Tensor, uint8_t>> held;
  for (int i = 0; i < 2000; ++i) {
    const auto draw = [](int64_t bound) { return at::randint(0, bound, {1}).item<int64_t>(); };
    if (held.size() < 12 || draw(2) == 0) {
      const auto mark = static_cast<uint8_t>(draw(255));
      held.emplace_back(at::full({(200 << 10) + draw(3 << 20)}, mark, at::kByte), mark);
    }
    if (held.size() > 6 && draw(2) == 0) {
      const auto chosen = held.begin() + draw(static_cast<int64_t>(held.size()));
      CHECK((chosen->first == chosen->second).all().item<bool>());
      held.erase(chosen);
    }
    if (i % 100 == 0) release_stale_blocks();
  }
  held.clear();
  release_all_blocks();
}

TEST_CASE("caching allocator: after two forward passes the next ones take no memory from the system") {
  install_caching_allocator();
  release_all_blocks();
  const c10::InferenceMode inference;
  for (const Architecture& architecture : architectures()) {
    CAPTURE(architecture.name);
    ModelConfig config;
    config.architecture = architecture.name;
    config.classes = 7;
    config.options = architecture.options;
    const auto model = create_model(config);
    const at::Tensor images = at::randint(0, 256, {1, 160, 224, 3}, at::kByte);
    const auto pass = [&] {
      const auto output = model->forward(model->prepare(images, at::kFloat), {});
      HybridScoreOptions options;
      options.height = 160;
      options.width = 224;
      options.scores = score_names();
      hybrid_score(output.logits, output.ood_logits, options, {});
      release_stale_blocks();
    };
    pass();
    pass();  // blocks that the first pass cut may have to be asked for once more
    const uint64_t warm = system_block_requests();
    CHECK(warm > 0);
    for (int i = 0; i < 5; ++i) pass();
    CHECK(system_block_requests() == warm);
  }
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
