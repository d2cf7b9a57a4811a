// Compiles every CUDA kernel for every architecture that matters, with warnings as errors: `npm run test:cuda-compile`.
// Kernels include nothing of libtorch, so this needs nvcc alone, no GPU and no CUDA build of libtorch.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { which } from './native/run.mjs'

const ALWAYS = [75, 80, 86, 90]
/** Where this nvcc knows them. */
const NEWER = [100, 120]

const root = fileURLToPath(new URL('..', import.meta.url))
const core = join(root, 'native/core')

/** Kernels use no library but the CUDA runtime, so the flags are few. */
function compile(nvcc, source, architectures, folder) {
  const started = Date.now()
  const { status, error, stdout, stderr } = spawnSync(
    nvcc,
    [
      '-std=c++20',
      '-O3',
      `-I${core}`,
      ...architectures.map((arch) => `-gencode=arch=compute_${arch},code=sm_${arch}`),
      '-Werror=all-warnings',
      '-Xcompiler=-Wall,-Wextra,-Werror',
      '-c',
      source,
      '-o',
      join(folder, 'kernel.o'),
    ],
    { encoding: 'utf8' },
  )
  const name = `${relative(root, source)} ${architectures.map((arch) => `sm_${arch}`).join(' ')}`
  if (status === 0) {
    console.log(`ok      ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
    return true
  }
  console.log(`FAILED  ${name}\n${error?.message ?? stdout + stderr}`)
  return false
}

const { env } = process
const toolkits = [env.CUDA_HOME, env.CUDA_PATH, '/usr/local/cuda'].filter(Boolean)
const path = [env.PATH, ...toolkits.map((toolkit) => join(toolkit, 'bin'))].filter(Boolean).join(delimiter)
const nvcc = which('nvcc', { ...env, PATH: path })
if (nvcc === undefined) {
  console.log('skipped: nvcc was not found (PATH, CUDA_HOME, CUDA_PATH, /usr/local/cuda)')
  process.exit(0)
}
const known = spawnSync(nvcc, ['--list-gpu-arch'], { encoding: 'utf8' }).stdout ?? ''
const newer = NEWER.filter((arch) => new RegExp(`^compute_${arch}$`, 'm').test(known))
const sources = readdirSync(core, { recursive: true })
  .filter((path) => path.endsWith('.cu'))
  .sort()
if (sources.length === 0) {
  console.error('test:cuda-compile: there is no .cu file in native/core.')
  process.exit(1)
}
const folder = mkdtempSync(join(tmpdir(), 'densehybrid-cuda-'))
let compiled = 0
try {
  for (const source of sources) {
    if (compile(nvcc, join(core, source), [...ALWAYS, ...newer], folder)) compiled++
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}
process.exit(compiled === sources.length ? 0 : 1)
