#include "common/cpu_path.h"

#include <cstdlib>

#include "common/error.h"

namespace densehybrid {
namespace {

CpuPath choose() {
  const auto& available = available_cpu_paths();
  const char* wanted = std::getenv("DENSEHYBRID_CPU");
  if (wanted == nullptr || *wanted == '\0') return available.back();
  std::string names;
  for (const CpuPath path : available) {
    if (to_string(path) == wanted) return path;
    names += (names.empty() ? "" : ", ") + to_string(path);
  }
  throw Error("INVALID_ARGUMENT",
              "Expected one of " + names + " for the environment variable DENSEHYBRID_CPU but received " + wanted + ".",
              "Unset it: the fastest path that this machine has is the default.");
}

}  // namespace

std::string to_string(CpuPath path) {
  switch (path) {
    case CpuPath::avx512: return "avx512";
    case CpuPath::avx2: return "avx2";
    default: return "portable";
  }
}

const std::vector<CpuPath>& available_cpu_paths() {
  static const std::vector<CpuPath> available = [] {
    std::vector<CpuPath> paths = {CpuPath::portable};
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) paths.push_back(CpuPath::avx2);
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("fma")) {
      paths.push_back(CpuPath::avx512);
    }
#endif
    return paths;
  }();
  return available;
}

CpuPath default_cpu_path() {
  static const CpuPath path = choose();
  return path;
}

}  // namespace densehybrid
