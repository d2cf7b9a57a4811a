import type { Dataset, Sample } from '../data/dataset.ts'
import { throwIfAborted } from '../errors.ts'
import type { ScoreName } from '../scores.ts'
import type { Segmenter } from '../segmenter.ts'

/** One image of an evaluation. All maps have the size of `labels`. */
export interface ScoredImage {
  readonly id: string
  /** [height, width] of all maps. */
  readonly size: readonly [number, number]
  /** Truth: 0 … K−1, UNKNOWN_LABEL, IGNORE_LABEL. */
  readonly labels: Uint8Array
  /** Closed-set prediction 0 … K−1; absent where only scores are at hand. */
  readonly closed?: Uint8Array
  /** By name, larger = more anomalous. */
  readonly scores: Readonly<Record<string, Float32Array>>
}

/** Images with scores. It can be read several times, each time with the scores that are asked for. */
export interface ScoredImages {
  /** For messages and reports. */
  readonly name: string
  /** Names of the K known classes; empty where the labels only tell anomalies from the rest. */
  readonly classes: readonly string[]
  readonly length: number
  /** Number of pixels of one image, for planning memory; an estimate is enough. */
  pixelsPerImage(): Promise<number>
  read(scores: readonly ScoreName[], signal?: AbortSignal): AsyncIterable<ScoredImage>
}

/** Images that are read before they are needed. */
const AHEAD = 3

/** The images of a data set with the scores of a model, computed image by image when they are read. */
export function scoredByModel(segmenter: Segmenter, dataset: Dataset): ScoredImages {
  return {
    name: dataset.name,
    classes: dataset.classes,
    length: dataset.length,
    async pixelsPerImage() {
      return dataset.length === 0 ? 0 : (await dataset.item(0)).labels.data.length
    },
    async *read(scores, signal) {
      for await (const sample of readAhead(dataset, signal)) {
        const [height, width] = sample.labels.shape
        const { labels: closed, scores: maps } = await segmenter.segment(sample.image, {
          size: [height, width],
          threshold: null,
          scores,
          signal,
        })
        yield {
          id: sample.id,
          size: [height, width],
          labels: sample.labels.data,
          closed: closed.data,
          scores: Object.fromEntries(scores.map((name) => [name, maps[name].data])),
        }
      }
    },
  }
}

/** All samples in order; the next ones are read while one is being used. */
async function* readAhead(dataset: Dataset, signal: AbortSignal | undefined): AsyncGenerator<Sample> {
  const waiting: Promise<Sample>[] = []
  for (let index = 0, next = 0; index < dataset.length; index++) {
    throwIfAborted(signal)
    for (; next < dataset.length && waiting.length < AHEAD; next++) {
      const reading = dataset.item(next)
      reading.catch(() => {}) // reported when its turn comes
      waiting.push(reading)
    }
    yield await waiting.shift()!
  }
}
