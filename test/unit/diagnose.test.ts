import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'chai'
import { runInstaller } from '../../lib/binding/build.ts'
import { type Check, diagnose } from '../../lib/binding/diagnose.ts'
import { which } from '../../scripts/native/index.mjs'

import {
  fakeLibtorch,
  fakePrograms,
  fakePython,
  rejection,
  temporaryFolder,
  writeFiles,
} from '../support/install-fixtures.ts'

describe('diagnose', () => {
  let folder: ReturnType<typeof temporaryFolder>
  const at = (...parts: string[]) => join(folder.path, ...parts)
  beforeEach(() => {
    folder = temporaryFolder()
    writeFiles(at('package'), { 'package.json': '{"version":"0.1.0"}' })
  })
  afterEach(() => folder.remove())

  const look = async (env: NodeJS.ProcessEnv = {}) => {
    const checks = await diagnose({
      root: at('package'),
      env: { PATH: at('bin'), DENSEHYBRID_CACHE: at('cache'), ...env },
    })
    return Object.fromEntries(checks.map((check) => [check.name, check])) as Record<string, Check>
  }

  it('works where nothing is installed, and says of everything what to do', async () => {
    const checks = await look()
    expect(Object.keys(checks)).to.deep.equal([
      'Node',
      'addon',
      'libtorch',
      'CPU',
      'CUDA',
      'compiler',
      'cmake',
      'make',
      'Python',
      'sharp',
      'cache',
    ])
    expect(checks.addon).to.include({ status: 'fail' })
    expect(checks.addon.text).to.match(/^native addon not built/)
    expect(checks.addon.hint).to.include('npx densehybrid build')
    expect(checks.libtorch).to.include({ status: 'info', text: 'none found; the build fetches 2.13.0' })
    for (const name of ['compiler', 'cmake', 'make', 'Python']) {
      expect(checks[name], name).to.include({ status: 'warn' })
      expect(checks[name].hint, name).to.be.a('string')
    }
    expect(checks.cache.text).to.equal(`${at('cache')} (empty)`)
  })

  it('names the libtorch that a build would use, and why one cannot be used', async () => {
    fakePrograms(at('bin'), { python3: fakePython({ pip: 'exit 1', torch: fakeLibtorch(at('torch')) }) })
    let checks = await look()
    expect(checks.libtorch.text).to.match(/the build would use .*torch {3}\(2\.13\.0, found: Python\)/)
    expect(checks.Python).to.deep.include({ status: 'ok', text: '3.11.7 with pip 24.0' })
    checks = await look({ LIBTORCH: at('nowhere') })
    expect(checks.libtorch).to.include({ status: 'warn', text: `LIBTORCH=${at('nowhere')} does not exist.` })
  })

  it('names broken entries of the cache', async () => {
    mkdirSync(at('cache/libtorch-2.13.0-cpu'), { recursive: true })
    const { cache } = await look()
    expect(cache).to.include({ status: 'warn' })
    expect(cache.text).to.match(/libtorch-2\.13\.0-cpu: it has no manifest/)
  })

  it('says what the dynamic linker objects to', async () => {
    writeFiles(at('package/build/Release'), { 'densehybrid.node': 'x'.repeat(100) })
    const { addon } = await look()
    expect(addon.status).to.equal('fail')
    expect(addon.text).to.match(/cannot be loaded: .*(file too short|invalid ELF header)/)
  })

  it('survives an addon that crashes', async function () {
    const compiler = which('cc') ?? which('c++')
    if (compiler === undefined) {
      console.log('      skipped: there is no compiler')
      return this.skip()
    }
    writeFiles(at('package/build/Release'), {
      'crash.c': '#include <signal.h>\n__attribute__((constructor)) static void f(void) { raise(SIGILL); }\n',
    })
    const files = ['densehybrid.node', 'crash.c'].map((name) => at('package/build/Release', name))
    const { status } = spawnSync(compiler, ['-shared', '-fPIC', '-x', 'c', '-o', ...files])
    expect(status).to.equal(0)
    const { addon, CPU } = await look()
    expect(addon.status).to.equal('fail')
    expect(addon.text).to.match(/ends the process when it loads: SIGILL/)
    expect(CPU.text).to.match(/\d+ cores?, .*→ default precision for scoring: float32/)
  })

  it('can be aborted', async () => {
    const error = await rejection(diagnose({ root: at('package'), signal: AbortSignal.abort() }))
    expect(error).to.have.property('code', 'ABORTED')
  })

  describe('buildNative', () => {
    const script = (text: string) => writeFiles(at('package'), { 'scripts/install.mjs': text })

    it('passes its options to the install script, and ignores DENSEHYBRID_SKIP_BUILD', async () => {
      script(`import { writeFileSync } from 'node:fs'
        writeFileSync(${JSON.stringify(at('seen'))}, JSON.stringify([process.argv.slice(2), process.env.DENSEHYBRID_SKIP_BUILD ?? null]))`)
      process.env.DENSEHYBRID_SKIP_BUILD = '1'
      try {
        await runInstaller(at('package'), { cuda: true, debug: true, libtorch: '/some/torch' })
      } finally {
        delete process.env.DENSEHYBRID_SKIP_BUILD
      }
      expect(JSON.parse(readFileSync(at('seen'), 'utf8'))).to.deep.equal([
        ['--cuda', '--libtorch', '/some/torch', '--debug'],
        null,
      ])
    })

    it('rejects when the build fails, is interrupted, or the package is incomplete', async () => {
      expect(await rejection(runInstaller(at('package'), {}))).to.have.property('code', 'NOT_FOUND')
      script('process.exit(1)')
      expect(await rejection(runInstaller(at('package'), {}))).to.have.property('code', 'NATIVE_MISSING')
      script('process.exit(130)')
      expect(await rejection(runInstaller(at('package'), {}))).to.have.property('code', 'ABORTED')
      script('setTimeout(() => {}, 60_000)')
      const job = runInstaller(at('package'), { signal: AbortSignal.timeout(300) })
      expect(await rejection(job)).to.have.property('code', 'ABORTED')
    })
  })
})
