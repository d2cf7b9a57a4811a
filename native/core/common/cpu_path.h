#pragma once

#include <string>
#include <vector>

namespace densehybrid {

// Which compilation of the vector kernels runs. All of them come from the same source (simd/*.h).
enum class CpuPath { portable, avx2, avx512 };

std::string to_string(CpuPath path);

// The paths that this machine can run, slowest first; never empty.
const std::vector<CpuPath>& available_cpu_paths();

// The fastest available path, or the one that the environment variable DENSEHYBRID_CPU names (portable, avx2, avx512;
// read once). Throws Error INVALID_ARGUMENT for another name or a path that this machine cannot run.
CpuPath default_cpu_path();

}  // namespace densehybrid
