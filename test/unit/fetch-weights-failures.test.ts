import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { expect } from 'chai'
import type { DenseHybridError } from '../../lib/errors.ts'
import { type DownloadFailure, download } from '../../lib/weights/download.ts'
import { imagenetFile } from '../../lib/weights/fetch-weights.ts'
import {
  FILE,
  failure,
  fetchTiny,
  sendContent,
  sendHalf,
  WHAT,
  weightsHost,
} from '../support/weights-host.ts'

describe('fetching published weights: failures', () => {
  const { at, cached, left, requests, serve, stop } = weightsHost()

  describe('nothing to be had: NOT_FOUND, with the way out, and nothing left', () => {
    const expectMissing = (error: DenseHybridError, reason: RegExp) => {
      expect(error.code).to.equal('NOT_FOUND')
      expect(error.message).to.match(reason)
      expect(error.message).to.include(`${FILE} (${WHAT}) is missing`)
      expect(error.hint).to.include(`https://download.pytorch.org/models/${FILE}`)
      expect(error.hint).to.include(cached())
      expect(error.hint).to.match(/--weights FILE, weights: 'FILE'/)
      expect(left()).to.deep.equal([])
    }

    it('DENSEHYBRID_SKIP_DOWNLOAD=1', async () => {
      await serve(sendContent)
      process.env.DENSEHYBRID_SKIP_DOWNLOAD = '1'
      expectMissing(await failure(fetchTiny()), /DENSEHYBRID_SKIP_DOWNLOAD=1 forbids fetching it/)
      expect((await failure(imagenetFile('resnet18'))).message).to.match(
        /^resnet18-f37072fd\.pth \(the ImageNet weights of resnet18\) is missing/,
      )
      expect(requests).to.deep.equal([])
    })

    it('no network', async () => {
      const real = globalThis.fetch
      const cause = Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' })
      globalThis.fetch = () => Promise.reject(new TypeError('fetch failed', { cause }))
      delete process.env.DENSEHYBRID_WEIGHTS_URL
      try {
        const error = await failure(fetchTiny())
        expectMissing(error, /download\.pytorch\.org could not be reached \(ENOTFOUND\)/)
        expect(error.hint).to.match(/^Download https:/)
      } finally {
        globalThis.fetch = real
      }
    })

    it('a host that nobody listens on', async () => {
      const url = await serve(sendContent)
      stop()
      const error = await failure(fetchTiny())
      expectMissing(error, new RegExp(`${url.host} could not be reached \\(ECONNREFUSED\\)`))
      expect(error.hint).to.match(/^Check DENSEHYBRID_WEIGHTS_URL\. Or download https:/)
    })

    for (const [status, attempts] of [
      [404, 1],
      [403, 1],
      [204, 1],
      [500, 2],
      [503, 2],
      [429, 2],
    ]) {
      it(`status ${status}: ${attempts} attempt${attempts === 1 ? '' : 's'}`, async () => {
        await serve((_, response) => response.writeHead(status).end(status === 204 ? undefined : 'no'))
        expectMissing(await failure(fetchTiny()), new RegExp(`answered ${status}`))
        expect(requests).to.have.length(attempts)
      })
    }

    it('a connection that breaks off', async () => {
      const responses: ServerResponse[] = []
      await serve((_, response) => {
        responses.push(response)
        sendHalf(response)
      })
      const onProgress = () => responses.at(-1)?.destroy()
      expectMissing(await failure(fetchTiny({ onProgress })), /broke off after \d+ of 300000 bytes/)
      expect(requests).to.have.length(2)
    })

    it('a length that is not the stated one', async () => {
      await serve((_, response) => {
        response.socket?.end(`HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\nhalf`)
      })
      expectMissing(await failure(fetchTiny()), /broke off after [04] of 100 bytes/)
    })

    it('data that stop', async () => {
      await serve((_, response) => sendHalf(response))
      expectMissing(
        await failure(fetchTiny({ stallTimeout: 100 })),
        /sent nothing for 0\.1 s, after \d+ of 300000 bytes/,
      )
      expect(requests).to.have.length(2)
    })

    it('a host that does not answer', async () => {
      await serve(() => {})
      expectMissing(await failure(fetchTiny({ connectTimeout: 100 })), /did not answer within 0\.1 s/)
      expect(requests.length).to.be.below(2)
    })
  })

  describe('something else than the file: INVALID_FILE, one attempt, nothing kept', () => {
    const expectInvalid = (error: DenseHybridError, message: RegExp) => {
      expect(error.code).to.equal('INVALID_FILE')
      expect(error.message).to.match(message)
      expect(error.message).to.include(WHAT)
      expect(error.hint).to.include(`https://download.pytorch.org/models/${FILE}`)
      expect(left()).to.deep.equal([])
      expect(requests).to.have.length(1)
    }

    it('another hash; both are told', async () => {
      const other = Buffer.from('another file')
      await serve((_, response) => response.end(other))
      const error = await failure(fetchTiny())
      const sha256 = createHash('sha256').update(other).digest('hex')
      expectInvalid(
        error,
        new RegExp(`\\(12 bytes\\).*its SHA-256 is ${sha256}, expected ${FILE.slice(5, 13)}…`),
      )
    })

    it('no data', async () => {
      await serve((_, response) => response.end())
      expectInvalid(await failure(fetchTiny()), /\(0 bytes\)/)
    })

    it('HTML, said by the host', async () => {
      await serve((_, response) =>
        response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('Log in'),
      )
      expectInvalid(await failure(fetchTiny()), /sent a web page instead of the file/)
    })

    it('HTML, not said by the host', async () => {
      await serve((_, response) => response.end('\n <!DOCTYPE html><title>Log in</title>'))
      expectInvalid(await failure(fetchTiny()), /sent a web page instead of the file/)
    })

    it('more than such a file may have, as stated and as sent', async () => {
      await serve((_, response) => response.writeHead(200, { 'content-length': 2 ** 50 }).write('x'))
      expectInvalid(await failure(fetchTiny()), /sent more than the 1024 MiB/)
      await serve((_, response) => {
        response.write('x')
        response.end(Buffer.alloc(2 ** 21))
      })
      expectInvalid(await failure(fetchTiny({ maxBytes: 2 ** 20 })), /sent more than the 1 MiB/)
    })
  })

  describe('abort: ABORTED, and nothing left', () => {
    it('before the beginning', async () => {
      await serve(sendContent)
      expect((await failure(fetchTiny({ signal: AbortSignal.abort() }))).code).to.equal('ABORTED')
      expect(requests).to.deep.equal([])
    })

    it('while the host does not answer', async () => {
      const controller = new AbortController()
      await serve(() => controller.abort(new Error('enough')))
      const error = await failure(fetchTiny({ signal: controller.signal }))
      expect(error.code).to.equal('ABORTED')
      expect(error.cause).to.equal(controller.signal.reason)
      expect(requests).to.have.length(1)
      expect(left()).to.deep.equal([])
    })

    it('while data come', async () => {
      const controller = new AbortController()
      await serve((_, response) => sendHalf(response))
      const { signal } = controller
      const error = await failure(
        fetchTiny({ signal, onProgress: () => setTimeout(() => controller.abort()) }),
      )
      expect(error.code).to.equal('ABORTED')
      expect(left()).to.deep.equal([])
    })

    it('is told by the download itself', async () => {
      const controller = new AbortController()
      const url = await serve(() => controller.abort())
      const error = await failure(download(url, at('part'), { signal: controller.signal }))
      expect(error.code).to.equal('ABORTED')
    })

    it('between two attempts', async () => {
      const controller = new AbortController()
      await serve((_, response) => {
        response.writeHead(500).end()
        setTimeout(() => controller.abort(), 100)
      })
      const error = await failure(fetchTiny({ signal: controller.signal, pause: 50_000 }))
      expect(error.code).to.equal('ABORTED')
      expect(requests).to.have.length(1)
    })
  })

  it('a failed download says whether another attempt may help', async () => {
    const url = await serve((_, response) => response.writeHead(404).end())
    const error: DownloadFailure = await download(url, at('part')).catch((error) => error)
    expect(error).to.include({ kind: 'refused', again: false })
    expect(existsSync(at('part'))).to.equal(false)
  })
})
