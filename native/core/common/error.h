#pragma once

#include <stdexcept>
#include <string>
#include <utility>

namespace densehybrid {

// An error that a user can act on. `code` is one of ErrorCode in lib/errors.ts.
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message, std::string hint = {})
      : std::runtime_error(message), code_(std::move(code)), hint_(std::move(hint)) {}
  const std::string& code() const { return code_; }
  const std::string& hint() const { return hint_; }

 private:
  std::string code_;
  std::string hint_;
};

}  // namespace densehybrid
