import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { downloadArchive, fetchLibtorch, findPython, verify } from '../../scripts/native/index.mjs'
import {
  below,
  fakePrograms,
  fakePython,
  libtorchFiles,
  recordingLog,
  rejection,
  temporaryFolder,
  writeFiles,
  zip,
} from '../support/install-fixtures.ts'

const realFetch = globalThis.fetch
const WHEEL = 'torch-2.13.0+cpu-cp399-cp399-manylinux_2_28_x86_64.whl'

describe('install: fetching libtorch', () => {
  let folder: ReturnType<typeof temporaryFolder>
  let realPython: string
  let server: Server | undefined
  const at = (...parts: string[]) => join(folder.path, ...parts)

  before(async function () {
    const python = await findPython()
    if (python === undefined) {
      console.log('      skipped: there is no Python 3 to unpack with')
      this.skip()
    }
    realPython = python.command
  })
  beforeEach(() => (folder = temporaryFolder()))
  afterEach(() => {
    globalThis.fetch = realFetch
    folder?.remove()
    server?.closeAllConnections()
    server?.close()
    server = undefined
  })

  const serve = async (listener: RequestListener): Promise<string> => {
    server = createServer(listener)
    await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}/libtorch.zip`
  }
  /** An environment whose pip runs the shell script `pip`; $dest is the folder that it should fill. */
  const environment = (pip: string, more: Record<string, string> = {}) => {
    const findDest = 'for a in "$@"; do [ "$last" = --dest ] && dest=$a; last=$a; done'
    const python3 = fakePython({
      pip: `${findDest}; ${pip}`,
      otherwise: `PATH='${process.env.PATH}' exec ${realPython} "$@"`,
    })
    return { PATH: fakePrograms(at('bin'), { python3 }), DENSEHYBRID_LIBTORCH_URL: '', ...more }
  }
  /** Fetching through pip: the archive's host is replaced by one that does not exist, so that the test stays offline. */
  const fetchWithPip = async (pip: string, options: object = {}) => {
    const log = recordingLog()
    globalThis.fetch = () => Promise.reject(Object.assign(new TypeError(), { cause: { code: 'ENOTFOUND' } }))
    const env = environment(pip)
    return { log, libtorch: await fetchLibtorch({ root: at('cache'), env, log, spaceNeeded: 1, ...options }) }
  }
  const writeWheel = (files = below('torch', libtorchFiles('2.13.0'))) => {
    writeFileSync(at('wheel'), zip(files))
    return `/bin/cp ${at('wheel')} "$dest/${WHEEL}"`
  }

  it('falls back from the archive to pip, unpacks, records the checksum, leaves only the entry', async () => {
    const { libtorch, log } = await fetchWithPip(`${writeWheel()}; echo "$*" > ${at('arguments')}`)
    expect(libtorch).to.deep.equal({
      dir: at('cache/libtorch-2.13.0-cpu/torch'),
      version: '2.13.0',
      cuda: false,
    })
    expect(readdirSync(at('cache'))).to.deep.equal(['libtorch-2.13.0-cpu'])
    const manifest = JSON.parse(readFileSync(at('cache/libtorch-2.13.0-cpu/manifest.json'), 'utf8'))
    expect(manifest).to.include({ version: '2.13.0', cuda: false, source: 'pip' })
    expect(manifest.files[WHEEL].sha256).to.match(/^[0-9a-f]{64}$/)
    expect(manifest.libraries).to.deep.equal({ 'libc10.so': 3, 'libtorch_cpu.so': 9 })
    expect(log.lines.join('\n')).to.match(/could not be reached \(ENOTFOUND\); trying pip/)
    expect(log.lines.join('\n')).to.match(/no checksum is known for torch-2\.13\.0\+cpu-cp399/)
    expect(readFileSync(at('arguments'), 'utf8')).to.match(
      /--only-binary=:all: --no-cache-dir .*torch==2\.13\.0\+cpu/,
    )
  })

  it('asks again for the wheel of this Python where the known wheel is not offered', async () => {
    const pip = `case "$*" in *--platform*) echo "ERROR: No matching distribution found for torch" >&2; exit 1;; esac; ${writeWheel()}`
    expect((await fetchWithPip(pip)).libtorch.version).to.equal('2.13.0')
  })

  it('downloads once when two installs run at the same time', async () => {
    const pip = `echo x >> ${at('count')}; /bin/sleep 0.2; ${writeWheel()}`
    const [a, b] = await Promise.all([fetchWithPip(pip), fetchWithPip(pip)])
    expect(a.libtorch).to.deep.equal(b.libtorch)
    expect(readFileSync(at('count'), 'utf8')).to.equal('x\n')
  })

  it('starts over after an interrupted install', async () => {
    writeFiles(at('cache'), {
      'download-2.13.0-cpu-7/half.whl': 'x',
      'libtorch-2.13.0-cpu/torch/lib/libc10.so': 'x',
    })
    const { libtorch, log } = await fetchWithPip(writeWheel())
    expect(libtorch.version).to.equal('2.13.0')
    expect(log.lines.filter((line) => line.includes('left by an interrupted install'))).to.have.length(2)
  })

  it('leaves the cache as it was when it is interrupted, and reports 130', async () => {
    const error = await rejection(fetchWithPip('exec /bin/sleep 30', { signal: AbortSignal.timeout(500) }))
    expect(error).to.include({ exitCode: 130 })
    expect(error.message).to.match(/Interrupted/)
    expect(readdirSync(at('cache'))).to.deep.equal([])
  })

  describe('failures, each with its way out, and nothing left in the cache', () => {
    const cases: [string, string, RegExp, RegExp][] = [
      [
        'a version that is not offered',
        'echo "ERROR: No matching distribution found for torch==2.13.0+cpu"; exit 1',
        /pip says: No matching distribution/,
        /set LIBTORCH/,
      ],
      [
        'no network',
        'echo "WARNING: Retrying: NewConnectionError: Failed to establish a new connection"; exit 1',
        /pip cannot reach its package index/,
        /set LIBTORCH/,
      ],
      [
        'a disk that fills up',
        'echo "ERROR: Could not install: [Errno 28] No space left on device"; exit 1',
        /The disk of .* is full/,
        /DENSEHYBRID_CACHE/,
      ],
      [
        'a damaged wheel',
        `echo rubbish > "$dest/${WHEEL}"`,
        /could not be unpacked: .*not a zip file/i,
        /run the command again/,
      ],
    ]
    for (const [name, pip, message, hint] of cases) {
      it(name, async () => {
        const error = await rejection(fetchWithPip(pip))
        expect(error.message).to.match(message)
        expect(error.hint).to.match(hint)
        expect(readdirSync(at('cache'))).to.deep.equal([])
      })
    }

    it('a wheel of an unsupported version', async () => {
      const error = await rejection(fetchWithPip(writeWheel(below('torch', libtorchFiles('2.5.0')))))
      expect(error.message).to.match(/is libtorch 2\.5\.0; supported are 2\.11 to 2\.14/)
    })

    it('a CUDA wheel where a CPU build was asked for', async () => {
      const error = await rejection(
        fetchWithPip(writeWheel(below('torch', libtorchFiles('2.13.0', { cuda: true })))),
      )
      expect(error.message).to.match(/is a CUDA build of libtorch; a CPU build was asked for/)
      expect(readdirSync(at('cache'))).to.deep.equal([])
    })

    it('no Python, no pip', async () => {
      const env = { PATH: fakePrograms(at('none'), {}), DENSEHYBRID_LIBTORCH_URL: '' }
      expect((await rejection(fetchWithPip('', { env }))).message).to.match(/Python 3 was not found/)
      env.PATH = fakePrograms(at('nopip'), { python3: fakePython() })
      const error = await rejection(fetchWithPip('', { env }))
      expect(error.message).to.match(/has no pip/)
      expect(error.hint).to.match(/python3-pip/)
    })

    it('too little space, before anything is downloaded', async () => {
      const error = await rejection(fetchWithPip(`echo x > ${at('count')}`, { spaceNeeded: 1e18 }))
      expect(error.message).to.match(/libtorch needs .* GB in .*, and .* are free/)
      expect(error.hint).to.match(/DENSEHYBRID_CACHE/)
      expect(existsSync(at('count'))).to.equal(false)
    })

    it('a cache that is no folder', async () => {
      writeFileSync(at('file'), '')
      expect((await rejection(fetchWithPip('', { root: at('file/cache') }))).message).to.match(/ENOTDIR/)
    })

    it('a checksum that does not fit', async () => {
      writeFileSync(at(WHEEL), 'altered')
      const error = await rejection(verify(at(WHEEL), { [WHEEL]: '0'.repeat(64) }))
      expect(error.message).to.match(/damaged or altered on the way/)
      expect((await verify(at(WHEEL), {})).known).to.equal(false)
    })
  })

  describe('archive', () => {
    it('is taken from DENSEHYBRID_LIBTORCH_URL; its folder libtorch/ becomes torch/', async () => {
      const url = await serve((_, response) => response.end(zip(below('libtorch', libtorchFiles('2.13.0')))))
      const env = environment('exit 1', { DENSEHYBRID_LIBTORCH_URL: url })
      const libtorch = await fetchLibtorch({ root: at('cache'), env, log: recordingLog(), spaceNeeded: 1 })
      expect(libtorch.dir).to.equal(at('cache/libtorch-2.13.0-cpu/torch'))
    })

    it('a URL that the user gave must work', async () => {
      const url = await serve((_, response) => response.writeHead(404).end())
      const options = { root: at('cache'), log: recordingLog(), spaceNeeded: 1 }
      const error = await rejection(
        fetchLibtorch({ ...options, env: environment('exit 1', { DENSEHYBRID_LIBTORCH_URL: url }) }),
      )
      expect(error.message).to.match(/answered 404/)
      expect(error.hint).to.match(/DENSEHYBRID_LIBTORCH_URL/)
      const typo = environment('exit 1', { DENSEHYBRID_LIBTORCH_URL: 'libtorch.zip' })
      expect((await rejection(fetchLibtorch({ ...options, env: typo }))).message).to.match(/no http\(s\) URL/)
    })

    it('gives up soon where nobody answers, data stops, or the connection breaks', async () => {
      const limits = { log: recordingLog(), connectTimeout: 150, stallTimeout: 150 }
      let url = await serve(() => {})
      expect((await rejection(downloadArchive(url, folder.path, limits))).message).to.match(
        /could not be reached \(timeout\)/,
      )
      server!.closeAllConnections()
      server!.close()
      url = await serve((_, response) => response.writeHead(200, { 'content-length': 100 }).write('half'))
      expect((await rejection(downloadArchive(url, folder.path, limits))).message).to.match(
        /broke off \(timeout\)/,
      )
      server!.closeAllConnections()
      server!.close()
      url = await serve((_, response) => {
        response.writeHead(200, { 'content-length': 100 }).write('half', () => response.destroy())
      })
      expect((await rejection(downloadArchive(url, folder.path, limits))).message).to.match(/broke off/)
    })
  })
})
