#pragma once

#include <cstdint>

#include "common/error.h"

namespace densehybrid {

// A view of bytes that another thread sets to non-zero to cancel a job. Their owner keeps them alive.
class CancelToken {
 public:
  CancelToken() = default;
  // `flag` cancels this job, `shutdown` every job of its queue; either may be null.
  explicit CancelToken(const uint8_t* flag, const uint8_t* shutdown = nullptr) : flag_(flag), shutdown_(shutdown) {}

  bool cancelled() const { return is_set(flag_) || is_set(shutdown_); }

  // Called between the stages of long work.
  void check() const {
    if (cancelled()) throw Error("ABORTED", "The operation was aborted.");
  }

 private:
  static bool is_set(const uint8_t* flag) { return flag != nullptr && __atomic_load_n(flag, __ATOMIC_RELAXED) != 0; }

  const uint8_t* flag_ = nullptr;
  const uint8_t* shutdown_ = nullptr;
};

}  // namespace densehybrid
