import { constants } from 'node:fs'
import { access, readdir, readFile } from 'node:fs/promises'
import { availableParallelism, homedir } from 'node:os'
import { join, relative } from 'node:path'
import {
  cacheRoot,
  checkCMake,
  checkCompiler,
  checkMake,
  checkNvcc,
  entryProblem,
  FETCHED_VERSION,
  findPython,
  listCached,
  locateLibtorch,
  pipVersion,
  type Tool,
} from '../../scripts/native/index.mjs'
import { abortedError, throwIfAborted } from '../errors.ts'
import {
  type BuildInfo,
  explainLoadFailure,
  findAddon,
  notBuilt,
  packageRoot,
  readBuildInfo,
} from './load.ts'
import type { NativeInfo } from './native.ts'
import { probeAddon } from './probe.ts'

/** One line of `densehybrid doctor`. Scoring can run when no check has failed. */
export interface Check {
  name: string
  /** `fail`: scoring cannot run; `warn`: something else will not work; `info`: neither good nor bad. */
  status: 'ok' | 'warn' | 'fail' | 'info'
  text: string
  /** What to do about it. */
  hint?: string
}

/**
 * Looks at everything this package needs: Node, the addon (tried in a process of its own, so a crash is survived),
 * libtorch, CPU, CUDA, the tools of the build, sharp and the cache. Nothing is changed and nothing fetched.
 *
 * @param options.root folder of the package to look at; default: this one
 * @throws DenseHybridError `ABORTED`; nothing else, what does not work is a check with its reason
 */
export async function diagnose(
  options: { root?: string; env?: NodeJS.ProcessEnv; signal?: AbortSignal } = {},
): Promise<Check[]> {
  const { root = packageRoot, env = process.env, signal } = options
  throwIfAborted(signal)
  try {
    const addonPath = findAddon(root)
    const build = addonPath === undefined ? undefined : readBuildInfo(addonPath)
    const addon = await checkAddon(root, addonPath, build, signal)
    // The build's tools matter less once there is an addon that works.
    const needed = addon.info === undefined ? 'warn' : 'info'
    return [
      checkNode(),
      addon.check,
      await checkLibtorch(build, env, signal),
      await checkCpu(addon.info),
      await checkCuda(addon.info, env, signal),
      toolCheck(await checkCompiler(env, signal), needed),
      toolCheck(await checkCMake(env, signal), needed),
      toolCheck(await checkMake(env), needed),
      await checkPython(env, needed, signal),
      await checkSharp(),
      await checkCache(env),
    ]
  } catch (error) {
    if (signal?.aborted) throw abortedError(signal)
    throw error
  }
}

function checkNode(): Check {
  const text = `Node ${process.versions.node}   ${process.platform}-${process.arch}`
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major > 20 || (major === 20 && minor >= 19)) return { name: 'Node', status: 'ok', text }
  return { name: 'Node', status: 'fail', text, hint: 'Install Node 20.19 or newer.' }
}

async function checkAddon(
  root: string,
  addon: string | undefined,
  build: BuildInfo | undefined,
  signal?: AbortSignal,
) {
  const fail = ({ message, hint }: { message: string; hint?: string }) => ({
    check: { name: 'addon', status: 'fail', text: message, hint } as Check,
    info: undefined,
  })
  if (addon === undefined) return fail(notBuilt(root))
  const result = await probeAddon(addon, { signal })
  if (result.outcome === 'refused') return fail(explainLoadFailure(addon, result.reason))
  if (result.outcome === 'crashed') {
    return fail({
      message: `native addon ends the process when it loads: ${result.reason}`,
      hint: 'Build it on this machine: `npx densehybrid build`.',
    })
  }
  const { info } = result
  const version = JSON.parse(await readFile(join(root, 'package.json'), 'utf8')).version as string
  const kind = `libtorch ${info.libtorch} ${(build?.cuda ?? info.cuda) ? 'CUDA' : 'CPU'}`
  const text = `${relative(root, addon)} (${kind}, ${info.buildType})`
  if (info.version !== version) {
    const hint = `It was built from version ${info.version} of this package, which is ${version} now. Run \`npx densehybrid build\`.`
    return { check: { name: 'addon', status: 'warn', text, hint } as Check, info }
  }
  return { check: { name: 'addon', status: 'ok', text } as Check, info }
}

async function checkLibtorch(
  build: BuildInfo | undefined,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Check> {
  const name = 'libtorch'
  if (build !== undefined) {
    const { dir, version, source } = build.libtorch
    const there = await exists(join(dir, 'lib/libtorch_cpu.so'))
    const text = `${tilde(dir)}   (${version}, found: ${source})`
    if (there) return { name, status: 'ok', text }
    return { name, status: 'fail', text: `${tilde(dir)} is gone`, hint: 'Run `npx densehybrid build`.' }
  }
  try {
    const { found, notes } = await locateLibtorch({ root: cacheRoot(env), env, signal })
    if (found !== undefined) {
      const text = `${tilde(found.dir)}   (${found.version}, found: ${found.source})`
      return { name, status: 'info', text: `the build would use ${text}` }
    }
    const why = notes.length === 0 ? '' : ` (${notes.join('; ')})`
    if (env.DENSEHYBRID_SKIP_DOWNLOAD === '1') {
      const hint = 'Set LIBTORCH to an unzipped libtorch, or unset DENSEHYBRID_SKIP_DOWNLOAD.'
      return { name, status: 'warn', text: `none found${why}, and fetching is forbidden`, hint }
    }
    return { name, status: 'info', text: `none found${why}; the build fetches ${FETCHED_VERSION}` }
  } catch (error) {
    if (signal?.aborted) throw error
    const { message, hint } = error as Error & { hint?: string }
    return { name, status: 'warn', text: message, hint }
  }
}

async function checkCpu(info: NativeInfo | undefined): Promise<Check> {
  const flags = info?.cpu ?? (await cpuFlags())
  const cores = availableParallelism()
  const features = [flags.avx512 ? 'AVX-512' : 'no AVX-512', flags.bf16 ? 'bf16' : 'no bf16']
  const text = `${cores} ${cores === 1 ? 'core' : 'cores'}, ${features.join(', ')} → default precision for scoring: float32`
  return { name: 'CPU', status: 'ok', text }
}

async function cpuFlags(): Promise<{ avx512: boolean; bf16: boolean }> {
  const text = await readFile('/proc/cpuinfo', 'utf8').catch(() => '')
  const flags = (/^(?:flags|Features)\s*:(.*)$/m.exec(text)?.[1] ?? '').split(/\s+/)
  const has = (flag: string) => flags.includes(flag)
  return { avx512: has('avx512f'), bf16: has('avx512_bf16') || has('amx_bf16') || has('bf16') }
}

async function checkCuda(
  info: NativeInfo | undefined,
  env: NodeJS.ProcessEnv,
  signal?: AbortSignal,
): Promise<Check> {
  const name = 'CUDA'
  const nvcc = await checkNvcc(env, signal)
  const toolkit = nvcc.problem === undefined ? `nvcc ${nvcc.version}` : 'no nvcc'
  const driver = /Kernel Module[^\n]*?\s(\d+\.\d+(?:\.\d+)?)/.exec(
    await readFile('/proc/driver/nvidia/version', 'utf8').catch(() => ''),
  )?.[1]
  if (info?.cuda) {
    const gpus = (info.devices ?? []).filter((device) => device.type === 'cuda').map((device) => device.name)
    return {
      name,
      status: 'ok',
      text: `${gpus.join(', ')} (${driver === undefined ? '' : `driver ${driver}, `}${toolkit})`,
    }
  }
  if (driver === undefined) {
    const hint = 'To use a GPU: install the driver, then `npx densehybrid build --cuda`.'
    return {
      name,
      status: 'info',
      text: `no NVIDIA driver (${toolkit}). Scoring and training run on the CPU.`,
      hint,
    }
  }
  const hint =
    nvcc.problem === undefined
      ? 'Run `npx densehybrid build --cuda`.'
      : `${nvcc.hint} Then run \`npx densehybrid build --cuda\`.`
  return {
    name,
    status: 'warn',
    text: `driver ${driver}, ${toolkit}, but the addon does not use the GPU.`,
    hint,
  }
}

function toolCheck(tool: Tool, needed: 'warn' | 'info'): Check {
  const { name, path, version, problem, hint } = tool
  if (problem !== undefined) return { name, status: needed, text: problem, hint }
  return { name, status: 'ok', text: version === undefined ? `${path}` : `${version}   ${path}` }
}

async function checkPython(
  env: NodeJS.ProcessEnv,
  needed: 'warn' | 'info',
  signal?: AbortSignal,
): Promise<Check> {
  const name = 'Python'
  const use = 'It is used to fetch libtorch where there is none.'
  const python = await findPython(env, signal)
  if (python === undefined) return { name, status: needed, text: 'Python 3 was not found.', hint: use }
  const pip = await pipVersion(python, env, signal)
  if (pip !== undefined) return { name, status: 'ok', text: `${python.version} with pip ${pip}` }
  return { name, status: needed, text: `${python.version} without pip.`, hint: use }
}

async function checkSharp(): Promise<Check> {
  const name = 'sharp'
  try {
    const { default: sharp } = await import('sharp')
    const formats = (['jpeg', 'png', 'webp', 'tiff'] as const).filter(
      (format) => sharp.format[format]?.input.buffer,
    )
    const text = `${sharp.versions.sharp ?? ''} (${formats.join(' ').toUpperCase()})`
    return { name, status: 'ok', text: text.trim() }
  } catch (error) {
    const reason = (error as Error).message.trim().split('\n')[0]
    return {
      name,
      status: 'fail',
      text: `images cannot be read: ${reason}`,
      hint: 'Run `npm install sharp`.',
    }
  }
}

async function checkCache(env: NodeJS.ProcessEnv): Promise<Check> {
  const name = 'cache'
  const root = cacheRoot(env)
  if (!(await exists(root))) return { name, status: 'info', text: `${tilde(root)} (empty)` }
  try {
    await access(root, constants.W_OK)
    const usable = (await listCached(root)).map(({ entry }) => relative(root, entry))
    const broken = []
    for (const entry of await readdir(root)) {
      const problem = entry.startsWith('libtorch-') ? await entryProblem(join(root, entry)) : undefined
      if (problem !== undefined) broken.push(`${entry}: ${problem}`)
    }
    const text = `${tilde(root)} (${usable.length === 0 ? 'empty' : usable.join(', ')})`
    if (broken.length === 0) return { name, status: 'ok', text }
    return {
      name,
      status: 'warn',
      text: `${text}; not usable: ${broken.join('; ')}`,
      hint: 'The next build that fetches removes it.',
    }
  } catch (error) {
    const hint = 'Change its owner, or set DENSEHYBRID_CACHE to a folder that you can write to.'
    return { name, status: 'info', text: `${tilde(root)} cannot be used: ${(error as Error).message}`, hint }
  }
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  )
}

function tilde(path: string): string {
  const home = homedir()
  return home.length > 1 && path.startsWith(`${home}/`) ? `~${path.slice(home.length)}` : path
}
