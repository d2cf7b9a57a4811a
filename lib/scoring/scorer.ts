import { access, mkdir, stat } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { fileError } from '../data/read-bytes.ts'
import { throwIfAborted } from '../errors.ts'
import { insideOf, type Segmenter } from '../segmenter.ts'
import { checkOptionNames, invalid } from '../validate.ts'
import { appendManifest, appendSkipped, beginRun, type ManifestEntry, readManifest } from './manifest.ts'
import { commonFolder, OutputNames } from './output-names.ts'
import { asUnreadable, readReduced, segmentImage, Unreadable } from './score-image.ts'
import { type ResolvedScorerOptions, resolveScorerOptions, type ScorerOptions } from './scorer-options.ts'
import { settingsHash } from './settings.ts'
import { writeRanges, writeResults } from './write-results.ts'

/** One scored image. */
export interface ScoreResult {
  /** As it was given. */
  readonly path: string
  readonly status: 'done' | 'skipped'
  /** Why it was skipped. */
  readonly reason?: string
  /** An earlier run had finished it. */
  readonly resumed?: boolean
  /** Files by kind: labels, overlay, npy/<score>, png16/<score>, hdf5/<score>. */
  readonly outputs: Readonly<Record<string, string>>
  /** Size of the results in pixels. */
  readonly height?: number
  readonly width?: number
  /** Pixels outside of the range of `png16` or `hdf5`, over all scores. */
  readonly clamped?: number
  /** From the start of reading to the last file, milliseconds. */
  readonly ms: number
  /** Share of it: reading, waiting for the device and computing, writing. */
  readonly timing?: { readonly read: number; readonly compute: number; readonly write: number }
}

/** What stays the same for all images of a run. */
interface Run {
  readonly names: OutputNames
  readonly finished: ReadonlyMap<string, ManifestEntry>
  readonly settings: string
  readonly signal: AbortSignal
}

/**
 * Scores image files: reading, forward pass and writing of neighbouring images overlap.
 *
 * Results are `<out>/<kind>/<name>.<extension>`, kind = score, `labels` or `overlay`; `manifest.jsonl` lists them. An
 * image that cannot be read does not end the run: it is reported as skipped, in `skipped.jsonl` too. A run that was
 * interrupted goes on where it stopped: what the manifest lists is not computed again while image, model and options are
 * the same. Every file is written atomically.
 *
 * ```ts
 * const scorer = new Scorer(model, { out: 'scores', formats: ['npy', 'overlay'] })
 * for await (const { path, status } of scorer.score(['a.jpg', 'b.jpg'])) console.log(path, status)
 * ```
 */
export class Scorer {
  readonly #segmenter: Segmenter
  readonly #options: ResolvedScorerOptions

  /** @throws DenseHybridError INVALID_ARGUMENT naming the option */
  constructor(segmenter: Segmenter, options: ScorerOptions) {
    this.#options = resolveScorerOptions(options, insideOf(segmenter).metadata.threshold)
    this.#segmenter = segmenter
  }

  /**
   * The results in the order of `paths`; a file that is listed twice gives one result. Ending the loop early, or the
   * signal, stops the work; what is finished stays.
   *
   * @param paths image files
   * @throws DenseHybridError IO where results cannot be written, NON_FINITE where a score is, DISPOSED, ABORTED
   */
  score(
    paths: Iterable<string> | AsyncIterable<string>,
    options: { signal?: AbortSignal } = {},
  ): AsyncIterable<ScoreResult> {
    checkOptionNames('score', options, ['signal'])
    const iterable = typeof paths === 'object' && paths !== null
    if (!iterable || !(Symbol.iterator in paths || Symbol.asyncIterator in paths)) {
      throw invalid('paths', 'an array of paths', paths)
    }
    return { [Symbol.asyncIterator]: () => this.#run(paths, options.signal) }
  }

  async *#run(
    paths: Iterable<string> | AsyncIterable<string>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<ScoreResult, void> {
    const stop = new AbortController()
    const run = await this.#begin(
      paths,
      signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
    )
    const seen = new Set<string>()
    const inWork: Promise<ScoreResult>[] = []
    try {
      for await (const path of paths) {
        throwIfAborted(signal)
        if (typeof path !== 'string' || path === '') throw invalid('paths', 'paths of image files', path)
        if (seen.has(resolve(path))) continue
        seen.add(resolve(path))
        const job = this.#score(path, run)
        job.catch(() => {}) // reported when its turn comes
        inWork.push(job)
        if (inWork.length >= this.#options.concurrency) yield await (inWork.shift() as Promise<ScoreResult>)
      }
      while (inWork.length > 0) yield await (inWork.shift() as Promise<ScoreResult>)
    } finally {
      stop.abort()
      await Promise.allSettled(inWork)
    }
  }

  async #begin(paths: Iterable<string> | AsyncIterable<string>, signal: AbortSignal): Promise<Run> {
    const { out, formats, scores, overwrite } = this.#options
    throwIfAborted(signal)
    const settings = await settingsHash(this.#segmenter, this.#options)
    await mkdir(out, { recursive: true }).catch((error) => {
      throw fileError(out, error)
    })
    const listed = await readManifest(out)
    await beginRun(out)
    const root = this.#options.root ?? commonFolder(Array.isArray(paths) ? paths : [])
    const names = new OutputNames(
      root,
      [...listed.values()].map(({ input, name }) => [input, name] as const),
    )
    if (formats.includes('png16')) await writeRanges(out, scores, this.#segmenter.classes.length)
    return { names, finished: overwrite ? new Map() : listed, settings, signal }
  }

  async #score(path: string, run: Run): Promise<ScoreResult> {
    // Before anything asynchronous, so that names are given in the order of the inputs.
    const name = run.names.nameOf(path)
    const start = performance.now()
    const { out } = this.#options
    try {
      const status = await stat(path).catch((error) => {
        throw asUnreadable(fileError(path, error))
      })
      const { size: bytes, mtimeMs: modified } = status
      const identity = { input: resolve(path), bytes, modified, name, settings: run.settings }
      const earlier = await this.#finishedEarlier(identity, run)
      if (earlier !== undefined) return { path, ...earlier, ms: performance.now() - start }
      const image = await readReduced(path, this.#options.maxSide, run.signal)
      const read = performance.now()
      const maps = await segmentImage(this.#segmenter, image, path, this.#options, run.signal)
      const computed = performance.now()
      throwIfAborted(run.signal)
      const { outputs, clamped } = await writeResults(name, image, maps, this.#segmenter, this.#options)
      const [height, width] = maps.labels.shape
      const relativeOutputs = mapValues(outputs, (file) => relative(out, file))
      await appendManifest(out, { ...identity, height, width, outputs: relativeOutputs })
      const end = performance.now()
      const timing = { read: read - start, compute: computed - read, write: end - computed }
      return { path, status: 'done', outputs, height, width, clamped, ms: end - start, timing }
    } catch (error) {
      if (!(error instanceof Unreadable)) throw error
      const { code, message } = error.cause
      await appendSkipped(out, { path, code, reason: message })
      return { path, status: 'skipped', reason: message, outputs: {}, ms: performance.now() - start }
    }
  }

  /** The result of an earlier run, when image, model and options are still the same and all its files exist. */
  async #finishedEarlier(
    identity: Pick<ManifestEntry, 'input' | 'bytes' | 'modified' | 'settings'>,
    run: Run,
  ): Promise<Omit<ScoreResult, 'path' | 'ms'> | undefined> {
    const entry = run.finished.get(identity.input)
    if (entry === undefined) return undefined
    const same = (['bytes', 'modified', 'settings'] as const).every((key) => entry[key] === identity[key])
    if (!same) return undefined
    const outputs = mapValues(entry.outputs, (file) => join(this.#options.out, file))
    const missing = await Promise.all(
      Object.values(outputs).map((file) =>
        access(file).then(
          () => false,
          () => true,
        ),
      ),
    )
    if (missing.includes(true)) return undefined
    return { status: 'done', resumed: true, outputs, height: entry.height, width: entry.width }
  }
}

function mapValues(
  record: Readonly<Record<string, string>>,
  map: (value: string) => string,
): Record<string, string> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]))
}
