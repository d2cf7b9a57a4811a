import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect } from 'chai'
import {
  buildFailure,
  checkCMake,
  checkCompiler,
  checkMake,
  checkNvcc,
  createLog,
  fileSystemError,
  findCMakeJs,
  requirePlatform,
  requireToolchain,
} from '../../scripts/native/index.mjs'
import {
  fakeLibtorch,
  fakePrograms,
  fakePython,
  rejection,
  temporaryFolder,
  writeFiles,
} from '../support/install-fixtures.ts'

const root = resolve(import.meta.dirname, '../..')
const GOOD_COMPILER = 'case "$1" in --version) echo "c++ 13.2";; esac'
const OLD_COMPILER = `case "$1" in --version) echo "c++ (Old) 8.3.0";; *) echo "x.cpp:3:10: fatal error: concepts: No such file" >&2; exit 1;; esac`

describe('install: tools', () => {
  let folder: ReturnType<typeof temporaryFolder>
  const at = (...parts: string[]) => join(folder.path, ...parts)
  const env = (programs: Record<string, string>, more = {}) => ({
    PATH: fakePrograms(at('bin'), programs),
    ...more,
  })
  beforeEach(() => (folder = temporaryFolder()))
  afterEach(() => folder.remove())

  it('takes a compiler that compiles C++20, and only such a one', async () => {
    expect(await checkCompiler(env({ 'c++': GOOD_COMPILER }))).to.deep.equal({
      name: 'compiler',
      path: at('bin/c++'),
      version: 'c++ 13.2',
    })
    const old = await checkCompiler(env({ 'c++': OLD_COMPILER }))
    expect(old.problem).to.match(/c\+\+ \(Old\) 8\.3\.0\) cannot compile C\+\+20: concepts: No such file/)
    expect(old.hint).to.match(/GCC 11 or newer/)
  })

  it('honours CXX, and says when it is no program', async () => {
    const programs = { 'c++': OLD_COMPILER, mine: GOOD_COMPILER }
    expect((await checkCompiler(env(programs, { CXX: 'mine' }))).path).to.equal(at('bin/mine'))
    expect((await checkCompiler(env(programs, { CXX: 'g++-99' }))).problem).to.equal(
      'CXX=g++-99 is no program.',
    )
  })

  it('wants CMake 3.25', async () => {
    expect((await checkCMake(env({ cmake: 'echo cmake version 3.25.1' }))).problem).to.equal(undefined)
    expect((await checkCMake(env({ cmake: 'echo cmake version 4.0.0-rc1' }))).version).to.equal('4.0.0')
    const old = await checkCMake(env({ cmake: 'echo cmake version 3.9.6' }))
    expect(old.problem).to.match(/cmake is 3\.9\.6, older than 3\.25/)
    expect(old.hint).to.match(/pip install cmake/)
    expect((await checkCMake(env({ cmake: 'exit 3' }))).problem).to.match(/does not say its version/)
  })

  it('finds nvcc on the PATH or below CUDA_HOME', async () => {
    const nvcc = 'echo "Cuda compilation tools, release 13.0, V13.0.88"'
    expect((await checkNvcc(env({ nvcc }))).version).to.equal('13.0')
    fakePrograms(at('cuda/bin'), { nvcc })
    expect((await checkNvcc({ PATH: at('nothing'), CUDA_HOME: at('cuda') })).path).to.equal(
      at('cuda/bin/nvcc'),
    )
  })

  it('names everything that is missing at once', async () => {
    const error = await rejection(requireToolchain({ env: { PATH: at('nothing') } }))
    expect(error.message).to.match(/No C\+\+ compiler was found.*cmake was not found.*Neither ninja nor make/)
    expect(error.hint).to.match(/apt install g\+\+[\s\S]*pip install cmake[\s\S]*apt install make/)
    expect((await checkMake(env({ make: '' }))).problem).to.equal(undefined)
  })

  it('refuses systems that libtorch is not made for', () => {
    expect(() => requirePlatform({ platform: 'linux', arch: 'x64', glibc: '2.36' })).not.to.throw()
    expect(() => requirePlatform({ platform: 'win32', arch: 'x64' })).to.throw('not for win32 on x64')
    expect(() => requirePlatform({ platform: 'linux', arch: 'ia32', glibc: '2.36' })).to.throw(
      'not for linux on ia32',
    )
    expect(() => requirePlatform({ platform: 'linux', arch: 'x64', glibc: '' })).to.throw('musl')
  })

  it('finds cmake-js in the folder of the package, and hoisted above it', async () => {
    expect(findCMakeJs(root)).to.match(/cmake-js\/bin\/cmake-js$/)
    const hoisted = { 'package.json': '{"name":"cmake-js","bin":{"cmake-js":"./bin/run"}}', 'bin/run': '' }
    writeFiles(at('project/node_modules/cmake-js'), hoisted)
    writeFiles(at('project/node_modules/densehybrid'), { 'package.json': '{}' })
    expect(findCMakeJs(at('project/node_modules/densehybrid'))).to.equal(
      at('project/node_modules/cmake-js/bin/run'),
    )
    writeFiles(at('alone'), { 'package.json': '{}' })
    expect(() => findCMakeJs(at('alone')))
      .to.throw('cmake-js was not found')
      .with.property('hint')
      .match(/npm install/)
  })

  it('says of a failed build what it was', () => {
    const failure = (step: 'configure' | 'compile', ...lines: string[]) =>
      buildFailure(step, lines, '/x/build.log')
    expect(
      failure('compile', 'a.cpp: fatal error: error writing to x.s: No space left on device').message,
    ).to.match(/disk is full/)
    const killed = failure('compile', 'c++: fatal error: Killed signal terminated program cc1plus')
    expect(killed.message).to.match(/memory did not suffice/)
    expect(killed.hint).to.match(/DENSEHYBRID_JOBS=1/)
    const broken = failure(
      'compile',
      '[1/9] Building',
      'FAILED: a.o',
      '/usr/bin/c++ …',
      'a.cpp:3: error: no',
      'ninja: stopped',
    )
    expect(broken.details).to.equal('a.cpp:3: error: no\nninja: stopped')
    expect(broken.hint).to.include('/x/build.log')
    expect(failure('configure', '-- ok', 'CMake Error at x', '  why').details).to.equal(
      'CMake Error at x\n  why',
    )
    expect(failure('compile', 'something else').details).to.equal('something else')
  })

  it('says of a file operation what can be done', () => {
    const error = (code: string) =>
      fileSystemError('/c', Object.assign(new Error(code), { code })) as Error & { hint?: string }
    expect(error('ENOSPC').message).to.equal('The disk of /c is full.')
    expect(error('EACCES').hint).to.match(/DENSEHYBRID_CACHE/)
    expect(error('EIO').message).to.equal('/c: EIO')
  })

  it('rewrites progress on a terminal, and spaces it out elsewhere', () => {
    const written: string[] = []
    const log = createLog({ write: (text) => void written.push(text) }, { interval: 1e6 })
    for (let i = 0; i < 100; i++) log.progress(`${i}`)
    log.info('done')
    expect(written).to.deep.equal(['densehybrid: done\n'])
    written.length = 0
    const terminal = createLog({ write: (text) => void written.push(text), isTTY: true, columns: 20 })
    terminal.progress('x'.repeat(50))
    terminal.info('done')
    expect(written[0]).to.have.length('\r\x1b[K'.length + 19)
    expect(written.slice(1).join('')).to.equal('\r\x1b[Kdensehybrid: done\n')
  })

  describe('scripts/install.mjs', () => {
    const install = (args: string[], environment: Record<string, string>) => {
      const options = {
        env: { HOME: at('home'), DENSEHYBRID_CACHE: at('cache'), ...environment },
        encoding: 'utf8',
      } as const
      const { status, stdout, stderr } = spawnSync(
        process.execPath,
        [join(at('package'), 'scripts/install.mjs'), ...args],
        options,
      )
      return { status, stdout, stderr }
    }
    const tools = { 'c++': GOOD_COMPILER, cmake: 'echo cmake version 3.25.1', make: '' }
    beforeEach(() => {
      mkdirSync(at('package'))
      for (const name of ['scripts', 'package.json']) symlinkSync(join(root, name), at('package', name))
    })

    it('does nothing with DENSEHYBRID_SKIP_BUILD=1', () => {
      const { status, stderr } = install([], { DENSEHYBRID_SKIP_BUILD: '1', PATH: at('nothing') })
      expect(status).to.equal(0)
      expect(stderr).to.match(/not built\. To build it: npx densehybrid build/)
    })

    it('fetches nothing with DENSEHYBRID_SKIP_DOWNLOAD=1', () => {
      const { PATH } = env({ ...tools, python3: fakePython({ pip: `echo x > ${at('called')}` }) })
      const { status, stderr } = install([], { DENSEHYBRID_SKIP_DOWNLOAD: '1', PATH })
      expect(status).to.equal(1)
      expect(stderr).to.match(/No libtorch was found, and DENSEHYBRID_SKIP_DOWNLOAD=1 forbids fetching one/)
      expect(stderr).to.match(/Set LIBTORCH/)
      expect(existsSync(at('called'))).to.equal(false)
      expect(existsSync(at('home'))).to.equal(false)
    })

    it('refuses an unknown option with exit code 2 and an unsupported libtorch with 1, without a stack trace', () => {
      expect(install(['--cude'], { PATH: at('nothing') })).to.include({ status: 2, stdout: '' })
      const { PATH } = env(tools)
      const { status, stderr } = install(['--libtorch', fakeLibtorch(at('old'), '2.5.1')], { PATH })
      expect(status).to.equal(1)
      expect(stderr).to.match(/libtorch 2\.5\.1; supported are 2\.11 to 2\.14/)
      expect(stderr).not.to.match(/\n\s+at /)
    })

    it('tells who runs npm install how to go on without the addon', () => {
      const { stderr } = install([], { PATH: at('nothing'), npm_lifecycle_event: 'install' })
      expect(stderr).to.match(/DENSEHYBRID_SKIP_BUILD=1 npm install/)
    })

    it('shows its options', () => {
      expect(install(['--help'], { PATH: '' }).stdout).to.match(
        /--cuda[\s\S]*--libtorch DIR[\s\S]*DENSEHYBRID_CACHE/,
      )
    })
  })
})
