#!/usr/bin/env bash
# Everything that only a CUDA host can check: builds the core with its kernels, compares every backend with the reference,
# and, where Node is, runs the GPU tests through the addon. No network is needed.
#
#   LIBTORCH             a CUDA libtorch (default: the torch of python3)
#   DOCTEST_INCLUDE_DIR  the folder that holds doctest/doctest.h (default: where the compiler looks)
#   JOBS                 parallel compile jobs (default: all cores)
set -euo pipefail
cd "$(dirname "$0")/.."

section() { printf '\n=== %s (%s s)\n' "$1" "$SECONDS"; }
fail() {
  printf 'gpu-check: %s\n' "$*" >&2
  exit 1
}

section 'Host'
for toolkit in "${CUDA_HOME:-}" "${CUDA_PATH:-}" /usr/local/cuda; do
  if ! command -v nvcc >/dev/null && [ -n "$toolkit" ] && [ -x "$toolkit/bin/nvcc" ]; then PATH="$PATH:$toolkit/bin"; fi
done
command -v nvcc >/dev/null || fail 'nvcc was not found. Install the CUDA toolkit, or set CUDA_HOME.'
command -v cmake >/dev/null || fail 'cmake was not found. Install CMake 3.25 or newer (python3 -m pip install cmake).'
nvcc --version | sed -n 's/.*release/nvcc/p'
nvidia-smi -L || fail 'nvidia-smi finds no GPU; this check is for a host that has one.'

libtorch="${LIBTORCH:-}"
if [ -z "$libtorch" ]; then
  libtorch="$(python3 -c 'import os, torch; print(os.path.dirname(torch.__file__))' 2>/dev/null || true)"
fi
# '9.0' → '90', of every GPU once
architectures="$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader | tr -d '. ' | sort -u | paste -sd ';' -)"
[ -n "$libtorch" ] || fail 'No libtorch: set LIBTORCH, or install torch for python3.'
[ -e "$libtorch/lib/libtorch_cuda.so" ] || fail "The libtorch at $libtorch is a CPU build; set LIBTORCH to one for CUDA."
printf 'libtorch %s\n' "$libtorch"

section 'Build the core and its tests'
options=(-DLIBTORCH="$libtorch" -DDENSEHYBRID_CUDA=ON -DDENSEHYBRID_ADDON=OFF -DDENSEHYBRID_BUILD_TESTS=ON
  -DCMAKE_CUDA_ARCHITECTURES="$architectures")
if [ -n "${DOCTEST_INCLUDE_DIR:-}" ]; then options+=(-DDOCTEST_INCLUDE_DIR="$DOCTEST_INCLUDE_DIR"); fi
cmake -S . -B build/gpu "${options[@]}"
cmake --build build/gpu --parallel "${JOBS:-$(nproc)}"
test_binary=build/gpu/densehybrid_test
[ -x "$test_binary" ] ||
  fail 'The tests were not built: doctest was not found. Install doctest-dev, or set DOCTEST_INCLUDE_DIR.'

section 'Every backend against the reference'
log=build/gpu/backends.log
status=0
"$test_binary" --test-case='backends:*' 2>&1 | tee "$log" || status=$?
[ "$status" -eq 0 ] || fail 'A backend disagrees with the reference; see above.'
grep -q '^backends: .*, cuda$' "$log" || fail 'The tests ran without CUDA: libtorch sees no device.'

section 'Through the addon'
if ! command -v node >/dev/null; then
  echo 'skipped: there is no Node on this host'
elif [ ! -d node_modules ]; then
  echo 'skipped: node_modules is missing; run `DENSEHYBRID_SKIP_BUILD=1 npm ci` first'
else
  node scripts/install.mjs --cuda --libtorch "$libtorch"
  npm run test:gpu
fi

section 'done'
