import { readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { NativeAddon, NativeFlow } from '../../lib/binding/native.ts'
import { elementCount, type Tensor, type TypedArray, tensor } from '../../lib/tensor.ts'
import type { CaseDescription, GoldenCase } from './find-cases.ts'
import type { Context } from './run.ts'
import { readReference } from './safetensors.ts'
import { ruleWeights, type WeightEntry } from './weight-rule.ts'

export type Tensors = Record<string, Tensor<TypedArray>>

/** What `hyper` of a flow says. */
interface FlowHyper {
  block_config: number[]
  layers_config: number[]
  mid: number[]
  growth: number
}

/** Depth and growth of the coupling nets, which the authors' code fixes. */
export const NET = { netDepth: 7, netGrowth: 64 }

/** The flow that a case describes; `standAlone`: attention in the coupling nets, variational dequantisation. */
export async function createFlow(
  native: NativeAddon,
  golden: GoldenCase,
  context: Context,
  standAlone = false,
): Promise<NativeFlow> {
  const { block_config, layers_config, mid, growth } = golden.description.hyper as unknown as FlowHyper
  return native.createFlow({
    architecture: 'golden',
    units: block_config,
    layers: layers_config,
    mid,
    growth,
    ...NET,
    attention: standAlone,
    variational: standAlone,
    seed: 0,
    device: context.device,
  })
}

/** Weights of a case: stored in a file, by rule, or by rule with the rest in a file; names relative to all sets. */
export async function flowWeights(golden: GoldenCase, reference: Tensors): Promise<Tensors> {
  const { weights, salt, gain } = golden.description as CaseDescription & {
    weights?: string | WeightEntry[]
    salt: string
    gain: number
  }
  if (weights === undefined) return storedWeights(golden, reference)
  if (typeof weights !== 'string') {
    return ruleWeights(weights, salt, gain, { ...reference, ...storedWeights(golden, reference) })
  }
  const sets = dirname(dirname(golden.jsonPath))
  const rule = /^hash rule \+ (.+)\.safetensors$/.exec(weights)
  if (rule === null) return readReference(join(sets, weights))
  const base = join(sets, rule[1])
  const listed = JSON.parse(await readFile(`${base}.json`, 'utf8')) as CaseDescription
  const stored = await readReference(`${base}.safetensors`)
  return ruleWeights(listed.weights as WeightEntry[], listed.salt as string, listed.gain as number, stored)
}

/** The case's own tensors that are weights, without what marks them: `w.`, `override.`. */
function storedWeights(golden: GoldenCase, reference: Tensors): Tensors {
  const names = Object.keys(reference).filter((name) => golden.description.checks[name]?.role === 'weight')
  return Object.fromEntries(names.map((name) => [name.replace(/^(w|override)\./, ''), reference[name]]))
}

/** Loads all tensors, and nothing else. */
export async function loadFlow(flow: NativeFlow, weights: Tensors): Promise<void> {
  await flow.loadTensors(weights, { strict: true })
}

/** The random draws whose names start with `prefix`, in order. */
export function drawsOf(reference: Tensors, prefix = ''): Tensor[] {
  return Object.keys(reference)
    .filter((name) => name.startsWith(prefix) && /^draw\d+_(uniform|normal)$/.test(name.slice(prefix.length)))
    .sort()
    .map((name) => reference[name] as Tensor)
}

/** N×C×H×W → N×H×W×C. */
export function channelsLast<T extends TypedArray>(x: Tensor<T>): Tensor<T> {
  const [n, c, h, w] = x.shape
  return transposed(x, c, h * w, [n, h, w, c])
}

/** N×H×W×C → N×C×H×W. */
export function channelsFirst<T extends TypedArray>(x: Tensor<T>): Tensor<T> {
  const [n, h, w, c] = x.shape
  return transposed(x, h * w, c, [n, c, h, w])
}

function transposed<T extends TypedArray>(
  { data }: Tensor<T>,
  rows: number,
  columns: number,
  shape: number[],
): Tensor<T> {
  const result = data.slice() as T
  for (let i = 0; i < elementCount(shape); i++) {
    const [plane, row, column] = [
      Math.floor(i / (rows * columns)),
      Math.floor(i / columns) % rows,
      i % columns,
    ]
    result[plane * rows * columns + column * rows + row] = data[i]
  }
  return tensor(result, shape)
}

/** The first channels of N×C×h×w. */
export function firstChannels({ data, shape }: Tensor<TypedArray>, channels: number): Tensor<TypedArray> {
  const [n, c, h, w] = shape
  const part = channels * h * w
  const output = new Float32Array(n * part)
  for (let i = 0; i < output.length; i++)
    output[i] = Number(data[Math.floor(i / part) * c * h * w + (i % part)])
  return tensor(output, [n, channels, h, w])
}

/** Bytes as float32. */
export function floats({ data, shape }: Tensor<TypedArray>): Tensor {
  return tensor(Float32Array.from(data as Uint8Array), shape)
}
