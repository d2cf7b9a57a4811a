#pragma once

// The one place where node-addon-api is included. The definitions come from CMake:
// NAPI_VERSION=8, NODE_ADDON_API_CPP_EXCEPTIONS_ALL (a c10::Error in a synchronous call becomes a JS exception, not an
// abort) and NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS (worker.terminate() with work pending must not abort).
#include <napi.h>
