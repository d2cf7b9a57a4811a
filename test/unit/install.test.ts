import { existsSync, mkdirSync, readdirSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import fc from 'fast-check'
import {
  archiveUrl,
  cacheRoot,
  compareVersions,
  discardBroken,
  inspectLibtorch,
  isSupported,
  jobCount,
  listCached,
  locateLibtorch,
  parseArguments,
  parseVersion,
  pipAttempts,
  publish,
  withLock,
} from '../../scripts/native/index.mjs'
import {
  fakeLibtorch,
  fakePrograms,
  fakePython,
  rejection,
  temporaryFolder,
  writeFiles,
} from '../support/install-fixtures.ts'

describe('install: libtorch', () => {
  let folder: ReturnType<typeof temporaryFolder>
  const at = (...parts: string[]) => join(folder.path, ...parts)
  beforeEach(() => (folder = temporaryFolder()))
  afterEach(() => folder.remove())

  describe('versions', () => {
    it('reads release, local part and pre-release', () => {
      expect(parseVersion('2.13.0+cpu')).to.deep.equal({ major: 2, minor: 13, patch: 0, local: 'cpu' })
      expect(parseVersion('2.14.0a0+gitcf30153')).to.include({ minor: 14, local: 'gitcf30153' })
      expect(parseVersion('3.25')).to.include({ major: 3, minor: 25, patch: 0 })
      for (const text of ['', 'two', '2', '2.x', undefined])
        expect(parseVersion(text), String(text)).to.equal(undefined)
    })

    it('supports exactly 2.11 to 2.14', () => {
      fc.assert(
        fc.property(fc.nat(3), fc.nat(30), fc.nat(9), (major, minor, patch) => {
          expect(isSupported(`${major}.${minor}.${patch}`)).to.equal(
            major === 2 && minor >= 11 && minor <= 14,
          )
        }),
      )
      expect(isSupported(undefined)).to.equal(false)
    })

    it('orders by number, not by text', () => {
      expect(compareVersions('2.9.1', '2.13.0')).to.be.lessThan(0)
      expect(compareVersions('2.13.0+cpu', '2.13.0')).to.equal(0)
    })
  })

  describe('inspectLibtorch', () => {
    it('names what is missing, and the folder that was probably meant', () => {
      expect(() => inspectLibtorch(at('none'))).to.throw('none does not exist')
      fakeLibtorch(at('site/torch'))
      expect(() => inspectLibtorch(at('site')))
        .to.throw('it has no include/ATen/core/Tensor.h')
        .with.property('hint', `Did you mean ${at('site/torch')}?`)
    })

    it('names an unsupported version and the supported range', () => {
      fakeLibtorch(at('old'), '2.5.1')
      expect(() => inspectLibtorch(at('old'))).to.throw('libtorch 2.5.1; supported are 2.11 to 2.14')
    })

    it('falls back to version.py and build-version', () => {
      fakeLibtorch(at('a'))
      writeFiles(at('a'), {
        'include/torch/headeronly/version.h': '',
        'version.py': "__version__ = '2.12.1+cpu'\n",
      })
      expect(inspectLibtorch(at('a')).version).to.equal('2.12.1')
      writeFiles(at('a'), { 'version.py': '', 'build-version': '2.11.0+cpu\n' })
      expect(inspectLibtorch(at('a')).version).to.equal('2.11.0')
    })

    it('refuses a CUDA build whose NVIDIA libraries are not there', () => {
      fakeLibtorch(at('torch'))
      writeFiles(at('torch'), { 'lib/libtorch_cuda.so': '' })
      expect(() => inspectLibtorch(at('torch'))).to.throw('CUDA build of libtorch, and the NVIDIA libraries')
      writeFiles(at('nvidia/cu13'), { 'lib/libcudart.so.13': '' })
      expect(inspectLibtorch(at('torch')).cuda).to.equal(true)
    })
  })

  describe('locateLibtorch', () => {
    const env = (torch?: string, more = {}) => ({
      PATH: fakePrograms(at('bin'), { python3: fakePython({ torch }) }),
      ...more,
    })
    const cached = () => fakeLibtorch(at('work/torch')) && publish(at('cache'), at('work'), {})
    const locate = (options: object) => locateLibtorch({ root: at('cache'), ...options } as never)

    it('takes --libtorch, LIBTORCH, Python, cache in this order', async () => {
      mkdirSync(at('cache'))
      await cached()
      const [explicit, variable, python] = ['x', 'y', 'z'].map((name) => fakeLibtorch(at(name)))
      const all = env(python, { LIBTORCH: variable })
      expect((await locate({ explicit, env: all })).found).to.include({ dir: explicit, source: '--libtorch' })
      expect((await locate({ env: all })).found).to.include({ dir: variable, source: 'LIBTORCH' })
      expect((await locate({ env: env(python) })).found).to.include({ dir: python, source: 'Python' })
      expect((await locate({ env: env() })).found).to.include({
        dir: at('cache/libtorch-2.13.0-cpu/torch'),
        source: 'cache',
      })
      expect(await locate({ env: env(), root: at('empty') })).to.deep.equal({ notes: [] })
    })

    it('refuses a wrong LIBTORCH instead of looking further', async () => {
      const error = await rejection(locate({ env: env(fakeLibtorch(at('z')), { LIBTORCH: at('nowhere') }) }))
      expect(error.message).to.equal(`LIBTORCH=${at('nowhere')} does not exist.`)
    })

    it('passes over an unsupported Python torch with a note', async () => {
      const { found, notes } = await locate({ env: env(fakeLibtorch(at('z'), '2.4.0')) })
      expect(found).to.equal(undefined)
      expect(notes.join()).to.match(/Python's torch cannot be used: .* is libtorch 2\.4\.0; supported are/)
    })

    it('with --cuda takes only CUDA builds', async () => {
      const cpu = fakeLibtorch(at('cpu'))
      const cuda = fakeLibtorch(at('cuda'), '2.14.1', { cuda: true })
      expect(
        (await rejection(locate({ cuda: true, env: env(undefined, { LIBTORCH: cpu }) }))).message,
      ).to.match(/CPU build of libtorch .*, and --cuda needs a CUDA build/)
      expect((await locate({ cuda: true, env: env(cpu) })).found).to.equal(undefined)
      expect((await locate({ cuda: true, env: env(cuda) })).found).to.include({ dir: cuda, cuda: true })
    })
  })

  describe('cache', () => {
    it('lies where the environment says', () => {
      expect(cacheRoot({ DENSEHYBRID_CACHE: '/a', XDG_CACHE_HOME: '/b', HOME: '/c' })).to.equal('/a')
      expect(cacheRoot({ XDG_CACHE_HOME: '/b', HOME: '/c' })).to.equal('/b/densehybrid')
      expect(cacheRoot({ XDG_CACHE_HOME: 'relative', HOME: '/c' })).to.equal('/c/.cache/densehybrid')
    })

    it('prefers the version that the package fetches, then the newest', async () => {
      for (const version of ['2.11.0', '2.14.1', '2.13.0']) {
        fakeLibtorch(at('work/torch'), version)
        await publish(at(), at('work'), {})
      }
      expect((await listCached(at())).map(({ version }) => version)).to.deep.equal([
        '2.13.0',
        '2.14.1',
        '2.11.0',
      ])
    })

    it('discards downloads, entries without manifest and damaged ones; keeps the rest', async () => {
      for (const version of ['2.12.0', '2.13.0']) {
        fakeLibtorch(at('work/torch'), version)
        await publish(at(), at('work'), {})
      }
      truncateSync(at('libtorch-2.12.0-cpu/torch/lib/libtorch_cpu.so'), 3)
      fakeLibtorch(at('libtorch-2.14.0-cpu/torch'), '2.14.0')
      writeFiles(at('download-2.13.0-cpu-1'), { 'torch.whl': 'half' })
      writeFiles(at(), { 'notes.txt': 'not ours' })
      expect((await listCached(at())).map(({ version }) => version)).to.deep.equal(['2.13.0'])
      expect(await discardBroken(at())).to.have.members([
        'download-2.13.0-cpu-1',
        'libtorch-2.12.0-cpu',
        'libtorch-2.14.0-cpu',
      ])
      expect(readdirSync(at())).to.have.members(['libtorch-2.13.0-cpu', 'notes.txt'])
    })

    it('keeps a complete entry of a version that only another release of this package supports', async () => {
      fakeLibtorch(at('work/torch'))
      await publish(at(), at('work'), {})
      fakeLibtorch(at('libtorch-2.13.0-cpu/torch'), '2.99.0')
      expect(await discardBroken(at())).to.deep.equal([])
      expect(await listCached(at())).to.deep.equal([])
    })
  })

  describe('lock', () => {
    it('lets one in at a time', async () => {
      const events: string[] = []
      const job = (name: string) =>
        withLock(
          at(),
          async () => {
            events.push(`${name} in`)
            await new Promise((resolve) => setTimeout(resolve, 20))
            events.push(`${name} out`)
          },
          { poll: 5 },
        )
      await Promise.all([job('a'), job('b'), job('c')])
      for (let i = 0; i < 6; i += 2) expect(events[i + 1]).to.equal(events[i].replace('in', 'out'))
      expect(existsSync(at('lock'))).to.equal(false)
    })

    it('takes over from a process that is gone, or on another host silent for a minute', async () => {
      writeFileSync(at('lock'), JSON.stringify({ pid: 2 ** 22 + 1, host: hostname() }))
      expect(await withLock(at(), async () => 'in', { poll: 5 })).to.equal('in')
      writeFileSync(at('lock'), JSON.stringify({ pid: 1, host: 'elsewhere' }))
      utimesSync(at('lock'), new Date(), new Date(Date.now() - 61_000))
      expect(await withLock(at(), async () => 'in', { poll: 5 })).to.equal('in')
    })

    it('waits for a live holder, says for whom, and can be interrupted', async () => {
      writeFileSync(at('lock'), JSON.stringify({ pid: process.pid, host: hostname() }))
      const waitedFor: string[] = []
      const error = await rejection(
        withLock(at(), async () => 'in', {
          poll: 5,
          signal: AbortSignal.timeout(60),
          onWait: (holder) => waitedFor.push(holder),
        }),
      )
      expect(error.exitCode).to.equal(130)
      expect(waitedFor).to.deep.equal([`process ${process.pid}`])
      expect(existsSync(at('lock')), 'the lock of another stays').to.equal(true)
    })

    it('is released when the work fails', async () => {
      const work = () => Promise.reject(new Error('no'))
      expect((await rejection(withLock(at(), work))).message).to.equal('no')
      expect(existsSync(at('lock'))).to.equal(false)
    })
  })

  describe('choices', () => {
    it('asks pip for the CPU build of a known wheel first, and for NVIDIA packages only with CUDA', () => {
      const [first, second] = pipAttempts('2.13.0', { arch: 'x64' })
      expect(first).to.include.members(['cp311', 'manylinux_2_28_x86_64', '--no-deps', 'torch==2.13.0+cpu'])
      expect(second).to.deep.equal(['--no-deps', 'torch==2.13.0+cpu'])
      expect(pipAttempts('2.13.0', { cuda: true })).to.deep.equal([['torch==2.13.0']])
      expect(pipAttempts('2.13.0', { officialIndex: true })[0]).to.include('--extra-index-url')
    })

    it('knows for which machines there is an archive', () => {
      expect(archiveUrl('2.13.0', { arch: 'x64' })).to.match(/\/cpu\/.*-2\.13\.0%2Bcpu\.zip$/)
      expect(archiveUrl('2.13.0', { arch: 'x64', cudaMajor: 13 })).to.match(/\/cu130\/.*%2Bcu130\.zip$/)
      expect(archiveUrl('2.13.0', { arch: 'x64', cudaMajor: 11 })).to.equal(undefined)
      expect(archiveUrl('2.13.0', { arch: 'arm64' })).to.equal(undefined)
    })

    it('runs as many compilers as cores and memory allow', () => {
      expect(jobCount({}, 8, 64e9)).to.equal(8)
      expect(jobCount({}, 8, 4e9)).to.equal(2)
      expect(jobCount({}, 8, 0.5e9)).to.equal(1)
      expect(jobCount({ DENSEHYBRID_JOBS: '3' }, 8, 0.5e9)).to.equal(3)
      expect(jobCount({ DENSEHYBRID_JOBS: 'many' }, 2, 64e9)).to.equal(2)
    })

    it('reads arguments, and refuses unknown ones with exit code 2', () => {
      expect(parseArguments(['--cuda', '--libtorch', 'dir', '--debug'])).to.include({
        cuda: true,
        debug: true,
        libtorch: 'dir',
      })
      expect(parseArguments(['--libtorch=dir'])).to.include({ libtorch: 'dir', cuda: false })
      for (const args of [['--cude'], ['--libtorch'], ['--libtorch', '--cuda'], ['extra']]) {
        expect(() => parseArguments(args), args.join(' '))
          .to.throw()
          .with.property('exitCode', 2)
      }
    })
  })
})
