#pragma once

#include <cstddef>
#include <string>

namespace densehybrid {

// Writes a file that appears whole or not at all: data go to a temporary file beside `path`, which is synced and then
// renamed over it. Without `commit` the temporary file is removed and what was at `path` stays.
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* data, size_t bytes);
  void commit();

 private:
  [[noreturn]] void fail(const char* action);

  std::string path_;
  std::string temporary_;
  int descriptor_ = -1;
};

}  // namespace densehybrid
