import { DenseHybridError } from '../errors.ts'
import type { NegativeSource } from '../negatives/types.ts'
import { invalid } from '../validate.ts'
import type { Dataset } from './dataset.ts'
import { datasetSchemes, type Scheme } from './dataset-schemes.ts'
import { anomalyMasks } from './datasets/anomaly-masks.ts'
import { camvid } from './datasets/camvid.ts'
import { folder } from './datasets/folder.ts'
import { holdOut } from './hold-out.ts'
import { listedItems } from './listed-items.ts'
import { negativeSchemes } from './negative-schemes.ts'
import { resized } from './resized.ts'
import { scenes } from './scenes/index.ts'
import { parseSpec, type Spec, specError } from './spec.ts'
import { integerValue, listValue, oneOfValue, sizeValue, stringValue } from './spec-values.ts'
import { firstItems } from './subset.ts'

/** The data sets that come with the package. */
export const datasets = { folder, camvid, anomalyMasks, scenes }

/** Keys that specs of all data sets take. */
const COMMON_KEYS = ['ids', 'limit', 'hold-out', 'held-out', 'size']

/**
 * Opens a data set from `scheme:path?key=value&…`:
 *
 * - `camvid:DIR?split=train,val` and name
 * - `folder:DIR?images=…&labels=…&mapping=…` and instances, unlisted, list, image-suffix, label-suffix, name
 * - `anomaly:DIR?images=…&masks=…` and inlier, anomaly, ignore (values: `0`, `1,3`, `2-200`), unlisted, image-suffix,
 *   mask-suffix, name
 * - `scenes:test?seed=1&length=60` and width, height, anomalies (true or false)
 *
 * All take `ids=FILE` (the items whose ids stand in a text file), `limit=N` (the first N items),
 * `hold-out=Car,Bicyclist` with `held-out=ignore|unknown` (default ignore), and `size=640x360`, applied in this order. In
 * values %XX stands for a byte, such as %26 for &. Published data sets: `densehybrid data list`.
 *
 * @throws DenseHybridError `INVALID_CONFIG` for a wrong spec, with the nearest known word; the errors of the data set
 */
export async function openDataset(spec: string, options: { signal?: AbortSignal } = {}): Promise<Dataset> {
  return open(spec, datasetSchemes, COMMON_KEYS, async (parsed, scheme) => {
    const change = commonOptions(parsed)
    let dataset = await scheme.open(parsed, options.signal)
    if (change.ids !== undefined)
      dataset = await listedItems(dataset, change.ids, options.signal && { signal: options.signal })
    if (change.limit !== undefined) dataset = firstItems(dataset, change.limit)
    if (change.heldOut !== undefined)
      dataset = holdOut(dataset, change.heldOut.names, { as: change.heldOut.as })
    return change.size === undefined ? dataset : resized(dataset, change.size)
  })
}

/**
 * Opens a source of negatives:
 *
 * - `folder:DIR?images=images&labels=masks&instances=instances&mapping=classes.json&skip=person,car&half=a` with mode
 *   (of rectangle, segments, instance), area (`0.01-0.15`), min-area, crop-size, rectangle-probability, limit and the
 *   other keys of folder data sets; unlisted is "ignore" by default, as such data is often labelled in part
 * - `ade20k:DIR?skip=person,car` and `coco-stuff:DIR?skip=person,car,bus` with split (default train), view, name, mode, half,
 *   area, min-area, crop-size, rectangle-probability and limit
 * - `scenes:?seed=1` and length, width, height, area
 *
 * @throws DenseHybridError `INVALID_CONFIG` for a wrong spec, with the nearest known word; the errors of the data set
 */
export async function openNegatives(
  spec: string,
  options: { signal?: AbortSignal } = {},
): Promise<NegativeSource> {
  return open(spec, negativeSchemes, [], (parsed, scheme) => scheme.open(parsed, options.signal))
}

interface CommonOptions {
  ids?: string
  limit?: number
  heldOut?: { names: string[]; as: 'ignore' | 'unknown' }
  size?: { width: number; height: number }
}

function commonOptions(spec: Spec): CommonOptions {
  const names = listValue(spec, 'hold-out')
  const as = oneOfValue(spec, 'held-out', ['ignore', 'unknown'])
  if (as !== undefined && names === undefined) {
    throw specError(
      spec.text,
      'held-out is given without hold-out',
      'hold-out=Car,Bicyclist names the classes',
    )
  }
  return {
    ids: stringValue(spec, 'ids'),
    limit: integerValue(spec, 'limit', 1),
    heldOut: names && { names, as: as ?? 'ignore' },
    size: sizeValue(spec, 'size'),
  }
}

/** Parses a spec and opens it; arguments that a data set refuses are the spec's fault. */
async function open<T>(
  text: string,
  schemes: Readonly<Record<string, Scheme<T>>>,
  commonKeys: readonly string[],
  openParsed: (spec: Spec, scheme: Scheme<T>) => Promise<T>,
): Promise<T> {
  if (typeof text !== 'string') throw invalid('spec', 'a string scheme:path?key=value&…', text)
  const keys = Object.fromEntries(
    Object.entries(schemes).map(([name, scheme]) => [name, [...scheme.keys, ...commonKeys]]),
  )
  try {
    const spec = parseSpec(text, keys)
    return await openParsed(spec, schemes[spec.scheme])
  } catch (error) {
    if (!(error instanceof DenseHybridError) || error.code !== 'INVALID_ARGUMENT') throw error
    throw new DenseHybridError('INVALID_CONFIG', `In ${JSON.stringify(text)}: ${error.message}`, {
      hint: error.hint,
      cause: error,
    })
  }
}
