// Builds the C++ core alone and runs its tests: `npm run test:native [-- address,undefined]`. Needs doctest (Debian: doctest-dev).
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cacheRoot, locateLibtorch } from './native/index.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const sanitizers = process.argv[2] ?? ''
const folder = join(root, 'build', sanitizers === '' ? 'core' : `core-${sanitizers.replaceAll(',', '-')}`)

function run(command, args, env = {}) {
  console.log(`$ ${command} ${args.join(' ')}`)
  const { status } = spawnSync(command, args, { stdio: 'inherit', env: { ...process.env, ...env } })
  if (status !== 0) process.exit(status ?? 1)
}

const { found } = await locateLibtorch({ root: cacheRoot(process.env), env: process.env })
if (found === undefined) {
  console.error('test:native: libtorch was not found. Run `npx densehybrid build` first.')
  process.exit(1)
}
run('cmake', [
  '-S',
  root,
  '-B',
  folder,
  `-DLIBTORCH=${found.dir}`,
  '-DDENSEHYBRID_ADDON=OFF',
  '-DDENSEHYBRID_BUILD_TESTS=ON',
  '-DDENSEHYBRID_WERROR=ON',
  `-DDENSEHYBRID_SANITIZE=${sanitizers}`,
])
run('cmake', ['--build', folder, '--parallel', '2'])
const binary = join(folder, 'densehybrid_test')
if (!existsSync(binary)) {
  console.error('test:native: the tests were not built because doctest was not found (Debian: doctest-dev).')
  process.exit(1)
}
// libtorch itself is not instrumented: containers that cross the border and its one-time allocations are not ours.
run(binary, [], {
  ASAN_OPTIONS: 'detect_container_overflow=0:detect_leaks=0',
  UBSAN_OPTIONS: 'halt_on_error=1:print_stacktrace=1',
})
