#pragma once

#include <exception>
#include <string>

#include "napi_config.h"

namespace densehybrid::addon {

struct ErrorInfo {
  std::string code;
  std::string message;
  std::string hint;
};

// What to tell JS about the exception in flight. Call inside a catch block.
ErrorInfo describe_current_exception();

// A JS Error with `code` and, where there is one, `hint`.
Napi::Error to_js_error(Napi::Env env, const ErrorInfo& info);

// Throws a JS error INVALID_ARGUMENT. JS validates before it calls, so this reports a bug or a misuse of the binding.
[[noreturn]] void throw_invalid(Napi::Env env, const std::string& message);

}  // namespace densehybrid::addon
