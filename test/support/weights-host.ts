import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { expect } from 'chai'
import { DenseHybridError } from '../../lib/errors.ts'
import { type PublishedFileOptions, publishedFile } from '../../lib/weights/fetch-weights.ts'
import { temporaryFolder } from './install-fixtures.ts'

/** What stands for a published file: its name states its hash, as torchvision's do. */
export const CONTENT = Buffer.alloc(300_000, 'weights of a tiny model ')
export const FILE = `tiny-${createHash('sha256').update(CONTENT).digest('hex').slice(0, 8)}.pth`
export const WHAT = 'the ImageNet weights of tiny'

const VARIABLES = [
  'DENSEHYBRID_CACHE',
  'DENSEHYBRID_WEIGHTS_URL',
  'DENSEHYBRID_SKIP_DOWNLOAD',
  'XDG_CACHE_HOME',
] as const

/** For every test of the surrounding `describe` a new cache folder, and a host on this machine once `serve` is called. */
export function weightsHost() {
  let folder: ReturnType<typeof temporaryFolder>
  let server: Server | undefined
  let before: Record<string, string | undefined>
  /** Paths asked of the host. */
  const requests: string[] = []
  const at = (...parts: string[]) => join(folder.path, ...parts)

  const stop = () => {
    server?.closeAllConnections()
    server?.close()
    server = undefined
    requests.length = 0
  }
  beforeEach(() => {
    folder = temporaryFolder()
    before = Object.fromEntries(VARIABLES.map((name) => [name, process.env[name]]))
    for (const name of VARIABLES) delete process.env[name]
    process.env.DENSEHYBRID_CACHE = at('cache')
    // Nobody listens there: a test that asks without a host fails at once, and stays offline.
    process.env.DENSEHYBRID_WEIGHTS_URL = 'http://127.0.0.1:9'
  })
  afterEach(() => {
    for (const name of VARIABLES) {
      if (before[name] === undefined) delete process.env[name]
      else process.env[name] = before[name]
    }
    folder.remove()
    stop()
  })

  return {
    requests,
    /** A path in the test's folder; its cache is `cache`. */
    at,
    cached: (file = FILE) => at('cache/weights', file),
    /** Names of the files in the cache. */
    left: () => (existsSync(at('cache/weights')) ? readdirSync(at('cache/weights')).sort() : []),
    /** Starts the host as the mirror; returns the address of FILE. */
    serve: async (listener: RequestListener): Promise<URL> => {
      stop()
      server = createServer((request, response) => {
        requests.push(request.url ?? '')
        listener(request, response)
      })
      await new Promise<void>((resolve) => server!.listen(0, '127.0.0.1', resolve))
      const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/models`
      process.env.DENSEHYBRID_WEIGHTS_URL = base
      return new URL(`${base}/${FILE}`)
    },
    /** Stops the host: its address is then one that nobody listens on. */
    stop,
  }
}

export const sendContent: RequestListener = (_, response) => {
  response.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT)
}

/** Half of the content, and then nothing. */
export function sendHalf(response: ServerResponse): void {
  response.writeHead(200, { 'content-length': CONTENT.length }).write(CONTENT.subarray(0, CONTENT.length / 2))
}

export function fetchTiny(options: PublishedFileOptions = {}): Promise<string> {
  return publishedFile(FILE, WHAT, { pause: 1, ...options })
}

/** The error that a call of this package rejects with. */
export async function failure(promise: Promise<unknown>): Promise<DenseHybridError> {
  const error = await promise.then(
    () => expect.fail('it succeeded'),
    (error: unknown) => error,
  )
  expect(error).to.be.instanceOf(DenseHybridError)
  return error as DenseHybridError
}
