#include "errors.h"

#include <c10/util/Exception.h>

#include <new>

#include "common/error.h"

namespace densehybrid::addon {

ErrorInfo describe_current_exception() {
  try {
    throw;
  } catch (const densehybrid::Error& error) {
    return {error.code(), error.what(), error.hint()};
  } catch (const c10::OutOfMemoryError& error) {
    return {"INTERNAL", std::string("Out of device memory: ") + error.what_without_backtrace(),
            "Use smaller images, crops or batches."};
  } catch (const c10::Error& error) {
    const std::string text = error.what_without_backtrace();
    if (text.find("not enough memory") != std::string::npos || text.find("can't allocate memory") != std::string::npos) {
      return {"INTERNAL", "Out of memory: " + text, "Use smaller images, crops or batches."};
    }
    return {"INTERNAL", "libtorch: " + text, ""};
  } catch (const std::bad_alloc&) {
    return {"INTERNAL", "Out of memory.", "Use smaller images, crops or batches."};
  } catch (const std::exception& error) {
    return {"INTERNAL", error.what(), ""};
  } catch (...) {
    return {"INTERNAL", "Unknown native error.", ""};
  }
}

Napi::Error to_js_error(Napi::Env env, const ErrorInfo& info) {
  Napi::Error error = Napi::Error::New(env, info.message);
  error.Set("code", Napi::String::New(env, info.code));
  if (!info.hint.empty()) error.Set("hint", Napi::String::New(env, info.hint));
  return error;
}

void throw_invalid(Napi::Env env, const std::string& message) {
  throw to_js_error(env, {"INVALID_ARGUMENT", message, ""});
}

}  // namespace densehybrid::addon
