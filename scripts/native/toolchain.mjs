import { InstallError } from './errors.mjs'
import { compareVersions } from './libtorch.mjs'
import { run, which } from './run.mjs'

/** Oldest CMake that the build files are written for. */
export const CMAKE_OLDEST = '3.25'

/** What the native code uses of C++20; GCC 10 and Clang 13 fail on it. */
const PROBE = `
#include <bit>
#include <concepts>
#include <cstdint>
#include <span>
#include <version>
struct Options { int a; int b = 2; };
template <std::integral T> constexpr T twice(T x) { return x + x; }
static_assert(twice(Options{.a = 1}.b) == 4);
static_assert(std::bit_cast<std::uint32_t>(1.0f) == 0x3f800000u);
int main() { int v[] = {1, 2}; return std::span<int>(v).size() == 2 ? 0 : 1; }
`

/**
 * @typedef {{ name: string, path?: string, version?: string, problem?: string, hint?: string }} Tool
 *   `problem` is absent when the tool can be used
 */

/**
 * The C++ compiler: $CXX, else c++, g++ or clang++. It must compile a C++20 program.
 *
 * @returns {Promise<Tool>}
 */
export async function checkCompiler(env = process.env, signal) {
  const name = 'compiler'
  const hint = 'Install GCC 11 or newer (Debian: apt install g++), or name another one in CXX.'
  const path = (env.CXX ? [env.CXX] : ['c++', 'g++', 'clang++'])
    .map((program) => which(program, env))
    .find(Boolean)
  if (path === undefined) {
    const problem = env.CXX
      ? `CXX=${env.CXX} is no program.`
      : 'No C++ compiler was found (c++, g++, clang++).'
    return { name, problem, hint }
  }
  const asked = await run(path, ['--version'], { env, signal, timeout: 20_000 })
  const version = asked.output.split('\n')[0].trim()
  const probe = await run(path, ['-std=c++20', '-fsyntax-only', '-x', 'c++', '-'], {
    env,
    signal,
    input: PROBE,
    timeout: 60_000,
  })
  if (probe.code === 0) return { name, path, version }
  const reason = /error: (.*)/.exec(probe.output)?.[1] ?? probe.output.trim().split('\n')[0]
  return { name, path, version, problem: `${path} (${version}) cannot compile C++20: ${reason}`, hint }
}

/** CMake, at least 3.25. @returns {Promise<Tool>} */
export async function checkCMake(env = process.env, signal) {
  const name = 'cmake'
  const hint = `Install CMake ${CMAKE_OLDEST} or newer: python3 -m pip install cmake, or Debian: apt install cmake.`
  const path = which('cmake', env)
  if (path === undefined) return { name, problem: 'cmake was not found.', hint }
  const { output } = await run(path, ['--version'], { env, signal, timeout: 20_000 })
  const version = /cmake version (\d+\.\d+(?:\.\d+)?)/.exec(output)?.[1]
  if (version === undefined) return { name, path, problem: `${path} does not say its version.`, hint }
  if (compareVersions(version, CMAKE_OLDEST) < 0) {
    return {
      name,
      path,
      version,
      problem: `cmake is ${version}, older than ${CMAKE_OLDEST} (${path}).`,
      hint,
    }
  }
  return { name, path, version }
}

/** Ninja or make. @returns {Promise<Tool>} */
export async function checkMake(env = process.env) {
  const path = which('ninja', env) ?? which('make', env)
  if (path !== undefined) return { name: 'make', path }
  return {
    name: 'make',
    problem: 'Neither ninja nor make was found.',
    hint: 'Install one of them (Debian: apt install make).',
  }
}

/** The CUDA compiler. @returns {Promise<Tool>} */
export async function checkNvcc(env = process.env, signal) {
  const name = 'nvcc'
  const folders = [env.CUDA_HOME, env.CUDA_PATH, '/usr/local/cuda'].filter(Boolean)
  const path = which('nvcc', env) ?? folders.map((folder) => which(`${folder}/bin/nvcc`, env)).find(Boolean)
  const hint = 'Install the CUDA toolkit and put its bin folder on the PATH.'
  if (path === undefined) return { name, problem: 'nvcc was not found.', hint }
  const { output } = await run(path, ['--version'], { env, signal, timeout: 20_000 })
  const version = /release (\d+\.\d+)/.exec(output)?.[1]
  if (version === undefined) return { name, path, problem: `${path} does not say its version.`, hint }
  return { name, path, version }
}

/**
 * The tools that the build needs.
 *
 * @param {{ env?: NodeJS.ProcessEnv, cuda?: boolean, signal?: AbortSignal }} [options]
 * @returns {Promise<{ compiler: Tool, cmake: Tool, make: Tool, nvcc?: Tool }>}
 * @throws InstallError that names everything missing at once
 */
export async function requireToolchain({ env = process.env, cuda = false, signal } = {}) {
  const compiler = await checkCompiler(env, signal)
  const cmake = await checkCMake(env, signal)
  const make = await checkMake(env)
  const nvcc = cuda ? await checkNvcc(env, signal) : undefined
  const wrong = [compiler, cmake, make, nvcc].filter((tool) => tool?.problem !== undefined)
  if (wrong.length > 0) {
    throw new InstallError(
      wrong.map((tool) => tool.problem).join(' '),
      wrong.map((tool) => tool.hint).join('\n  '),
    )
  }
  return { compiler, cmake, make, nvcc }
}

/**
 * Refuses what libtorch does not exist for: other systems than Linux, other processors than x64 and arm64, musl.
 *
 * @param {{ platform?: string, arch?: string, glibc?: string }} [host] defaults to this process; `glibc` empty: musl
 */
export function requirePlatform({
  platform = process.platform,
  arch = process.arch,
  glibc = glibcVersion(),
} = {}) {
  if (platform !== 'linux' || !['x64', 'arm64'].includes(arch)) {
    throw new InstallError(
      `The native addon is built for Linux on x64 and arm64, not for ${platform} on ${arch}.`,
      'Use a Linux machine or container.',
    )
  }
  if (glibc === '') {
    throw new InstallError(
      'This system uses musl, and libtorch needs glibc.',
      'Use an image with glibc, such as a Debian-based one.',
    )
  }
}

function glibcVersion() {
  if (process.platform !== 'linux') return undefined
  return process.report?.getReport().header.glibcVersionRuntime ?? ''
}
