import { getEventListeners } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import type { ServerResponse } from 'node:http'
import { gzipSync } from 'node:zlib'
import { expect } from 'chai'
import { DenseHybridError } from '../../lib/errors.ts'
import { type DownloadFailure, download } from '../../lib/weights/download.ts'
import { cacheError, imagenetFile } from '../../lib/weights/fetch-weights.ts'
import {
  CONTENT,
  FILE,
  failure,
  fetchTiny,
  sendContent,
  sendHalf,
  weightsHost,
} from '../support/weights-host.ts'

/** Texts whose SHA-256 begin as the published files' do. */
const RESNET101 = 'weights 016368791'
const RESNET50_V2 = 'weights 782718126'

/** Paths of the files that this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((name) => {
    try {
      return [readlinkSync(`/proc/self/fd/${name}`)]
    } catch {
      return []
    }
  })
}

describe('fetching published weights', () => {
  const { at, cached, left, requests, serve } = weightsHost()

  describe('success', () => {
    it('downloads once; the second call asks nobody', async () => {
      await serve((request, response) => {
        expect(request.headers['accept-encoding']).to.equal('identity')
        sendContent(request, response)
      })
      expect(await fetchTiny()).to.equal(cached())
      expect(readFileSync(cached()).equals(CONTENT)).to.equal(true)
      expect(left()).to.deep.equal([FILE])
      expect(await fetchTiny()).to.equal(cached())
      expect(requests).to.deep.equal([`/models/${FILE}`])
    })

    it('takes backbones by name, version 1 unless another is asked for', async () => {
      await serve((request, response) => response.end(request.url?.includes('101') ? RESNET101 : RESNET50_V2))
      expect(await imagenetFile('resnet101')).to.equal(cached('resnet101-63fe2227.pth'))
      expect(await imagenetFile('resnet50', { version: 'IMAGENET1K_V2' })).to.equal(
        cached('resnet50-11ad3fa6.pth'),
      )
      expect(readFileSync(cached('resnet101-63fe2227.pth'), 'utf8')).to.equal(RESNET101)
      expect(requests).to.deep.equal(['/models/resnet101-63fe2227.pth', '/models/resnet50-11ad3fa6.pth'])
    })

    it('follows a redirect', async () => {
      await serve((request, response) => {
        if (request.url?.startsWith('/models')) response.writeHead(302, { location: `/other/${FILE}` }).end()
        else response.end(CONTENT)
      })
      expect(await fetchTiny()).to.equal(cached())
      expect(requests).to.deep.equal([`/models/${FILE}`, `/other/${FILE}`])
    })

    it('tells its progress, with the total where the host says it', async () => {
      await serve(sendContent)
      const steps: [number, number | undefined][] = []
      await fetchTiny({ onProgress: (bytes, total) => steps.push([bytes, total]) })
      expect(steps.at(-1)).to.deep.equal([CONTENT.length, CONTENT.length])
      expect(steps.map(([bytes]) => bytes)).to.deep.equal(steps.map(([bytes]) => bytes).sort((a, b) => a - b))
      expect(steps.every(([, total]) => total === CONTENT.length)).to.equal(true)
    })

    it('needs no stated length', async () => {
      await serve((_, response) => {
        response.write(CONTENT.subarray(0, 10))
        response.end(CONTENT.subarray(10))
      })
      const totals = new Set<number | undefined>()
      await fetchTiny({ onProgress: (_, total) => totals.add(total) })
      expect([...totals]).to.deep.equal([undefined])
    })

    it('takes a file that is compressed on the way; the stated length is then not the file’s', async () => {
      await serve((_, response) => {
        const sent = gzipSync(CONTENT)
        response.writeHead(200, { 'content-encoding': 'gzip', 'content-length': sent.length }).end(sent)
      })
      const steps: [number, number | undefined][] = []
      expect(await fetchTiny({ onProgress: (...step) => steps.push(step) })).to.equal(cached())
      expect(steps.at(-1)).to.deep.equal([CONTENT.length, undefined])
    })

    it('calls at the same time do not disturb each other', async () => {
      const waiting: ServerResponse[] = []
      await serve((_, response) => {
        waiting.push(response)
        if (waiting.length < 3) return
        // All three are under way, each with half of the file, before the first one ends.
        for (const other of waiting) sendHalf(other)
        setTimeout(() => {
          for (const other of waiting) other.end(CONTENT.subarray(150_000))
        }, 50)
      })
      expect(await Promise.all([fetchTiny(), fetchTiny(), fetchTiny()])).to.deep.equal(
        new Array(3).fill(cached()),
      )
      expect(readFileSync(cached()).equals(CONTENT)).to.equal(true)
      expect(left()).to.deep.equal([FILE])
    })

    it('lies in $XDG_CACHE_HOME/densehybrid where DENSEHYBRID_CACHE is not set', async () => {
      await serve(sendContent)
      delete process.env.DENSEHYBRID_CACHE
      process.env.XDG_CACHE_HOME = at('xdg')
      expect(await fetchTiny()).to.equal(at('xdg/densehybrid/weights', FILE))
    })

    it('removes what killed processes left, and nothing else', async () => {
      await serve(sendContent)
      mkdirSync(at('cache/weights'), { recursive: true })
      const names = ['old.pth.1.part', 'running.pth.2.part', 'old.pth']
      for (const name of names) writeFileSync(cached(name), '')
      const yesterday = Date.now() / 1000 - 86_400
      for (const name of ['old.pth.1.part', 'old.pth']) utimesSync(cached(name), yesterday, yesterday)
      await fetchTiny()
      expect(left()).to.deep.equal(['old.pth', 'running.pth.2.part', FILE])
    })
  })

  describe('a cached file', () => {
    beforeEach(() => mkdirSync(at('cache/weights'), { recursive: true }))

    it('is used without any network, when it was put there by hand, too', async () => {
      process.env.DENSEHYBRID_SKIP_DOWNLOAD = '1'
      writeFileSync(cached(), CONTENT)
      expect(await fetchTiny()).to.equal(cached())
    })

    it('that is damaged is reported and fetched again', async () => {
      await serve(sendContent)
      writeFileSync(cached(), CONTENT.subarray(1))
      const warnings: string[] = []
      expect(await fetchTiny({ onWarning: (text) => warnings.push(text) })).to.equal(cached())
      expect(warnings).to.have.length(1)
      expect(warnings[0]).to.match(
        /tiny-.* is damaged: its SHA-256 begins with [0-9a-f]{8}, expected .*fetched again/,
      )
      expect(readFileSync(cached()).equals(CONTENT)).to.equal(true)
      expect(left()).to.deep.equal([FILE])
    })

    it('that is damaged is warned of by the process where nobody listens', async () => {
      await serve(sendContent)
      writeFileSync(cached(), '')
      const warning = new Promise<Error>((resolve) => process.once('warning', resolve))
      await fetchTiny()
      expect(await warning).to.include({ name: 'DenseHybridWarning' })
    })

    it('that is damaged is an error where nothing may be fetched', async () => {
      process.env.DENSEHYBRID_SKIP_DOWNLOAD = '1'
      writeFileSync(cached(), 'half')
      const error = await failure(fetchTiny())
      expect(error.code).to.equal('INVALID_FILE')
      expect(error.message).to.match(/is damaged: .*DENSEHYBRID_SKIP_DOWNLOAD=1 forbids fetching it again/)
      expect(left()).to.deep.equal([FILE])
    })

    it('stays where its replacement could not be fetched', async () => {
      await serve((_, response) => response.writeHead(404).end())
      writeFileSync(cached(), 'half')
      expect((await failure(fetchTiny({ onWarning: () => {} }))).code).to.equal('NOT_FOUND')
      expect(readFileSync(cached(), 'utf8')).to.equal('half')
    })

    it('that is a folder is named', async () => {
      mkdirSync(cached())
      const error = await failure(fetchTiny())
      expect(error.code).to.equal('INVALID_FILE')
      expect(error.message).to.equal(`${cached()} is a folder, not a file.`)
    })
  })

  it('a second attempt succeeds where the first broke off, and begins anew', async () => {
    let first: ServerResponse | undefined
    await serve((request, response) => {
      if (first === undefined) sendHalf((first = response))
      else sendContent(request, response)
    })
    expect(await fetchTiny({ onProgress: () => first?.destroy() })).to.equal(cached())
    expect(readFileSync(cached()).equals(CONTENT)).to.equal(true)
    expect(requests).to.have.length(2)
  })

  it('an answer that is not wanted is not read on', async () => {
    let closed: Promise<void> | undefined
    await serve((_, response) => {
      closed = new Promise((resolve) => response.on('close', resolve))
      response.writeHead(404).write(CONTENT)
    })
    await failure(fetchTiny())
    await closed
    expect(requests).to.have.length(1)
  })

  it('leaves no file open and no listener behind', async () => {
    const { signal } = new AbortController()
    await serve((request, response) => {
      if (request.url === '/models/other') response.end('<html>')
      else sendContent(request, response)
    })
    await fetchTiny({ signal })
    const page = new URL('other', `${process.env.DENSEHYBRID_WEIGHTS_URL}/`)
    const refused: DownloadFailure = await download(page, at('part'), { signal }).catch((error) => error)
    expect(refused.kind).to.equal('not-the-file')
    expect(getEventListeners(signal, 'abort')).to.deep.equal([])
    expect(openFiles().filter((path) => path.startsWith(at()))).to.deep.equal([])
  })

  it('what onProgress throws reaches the caller, and nothing is left', async () => {
    await serve(sendContent)
    const mistake = new Error('of the caller')
    const fetching = fetchTiny({
      onProgress: () => {
        throw mistake
      },
    })
    expect(await fetching.catch((error) => error)).to.equal(mistake)
    expect(left()).to.deep.equal([])
    expect(requests).to.have.length(1)
  })

  describe('the cache folder', () => {
    it('cannot be made: IO, with the way out', async () => {
      await serve(sendContent)
      mkdirSync(at('cache'))
      writeFileSync(at('cache/weights'), '')
      const error = await failure(fetchTiny())
      expect(error.code).to.equal('IO')
      expect(error.message).to.include(at('cache/weights'))
      expect(error.hint).to.match(/DENSEHYBRID_CACHE/)
      expect(requests).to.deep.equal([])
    })

    it('cannot be written to: IO, with the way out', async function () {
      if (process.getuid?.() === 0) {
        console.log('      skipped: root may write everywhere')
        this.skip()
      }
      await serve(sendContent)
      mkdirSync(at('cache/weights'), { recursive: true })
      chmodSync(at('cache/weights'), 0o555)
      const error = await failure(fetchTiny())
      chmodSync(at('cache/weights'), 0o755)
      expect(error.code).to.equal('IO')
      expect(error.message).to.match(/No permission to write/)
      expect(error.hint).to.match(/DENSEHYBRID_CACHE/)
    })

    it('is on a full disk: IO, with the way out', async function () {
      if (!existsSync('/dev/full')) {
        console.log('      skipped: there is no /dev/full')
        this.skip()
      }
      const url = await serve(sendContent)
      symlinkSync('/dev/full', at('part'))
      const refused = await download(url, at('part')).catch((error) => error)
      expect(refused).to.include({ code: 'ENOSPC' })
      const error = cacheError(refused, at('cache')) as DenseHybridError
      expect(error).to.be.instanceOf(DenseHybridError).and.include({ code: 'IO', cause: refused })
      expect(error.message).to.equal(`The disk of ${at('cache')} is full.`)
      expect(error.hint).to.match(/Free some space, or set DENSEHYBRID_CACHE/)
    })
  })

  it('refuses unknown options and backbones before anything else', async () => {
    const options = { onProgres: () => {} }
    expect((await failure(imagenetFile('resnet18', options as object))).hint).to.equal(
      'Did you mean onProgress?',
    )
    expect((await failure(imagenetFile('vgg16' as 'resnet18'))).code).to.equal('INVALID_ARGUMENT')
    process.env.DENSEHYBRID_WEIGHTS_URL = 'nowhere'
    expect((await failure(fetchTiny())).code).to.equal('INVALID_CONFIG')
  })
})
