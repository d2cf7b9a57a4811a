import type { NativeAddon, NativeFlowConfig } from './binding/native.ts'
import { checkDevice } from './model-settings.ts'
import { checkInteger, checkOneOf, checkOptionNames, invalid } from './validate.ts'

/** How to build a new flow. Everything below `architecture` changes what the named configuration has. */
export interface DenseFlowOptions {
  /** 'denseflow' (default), 'denseflow-tiny' for a CPU, or 'denseflow-attention', the stand-alone flow. */
  readonly architecture?: string
  /** 'cpu' (default), 'cuda' or 'cuda:1'. */
  readonly device?: string
  /** Of the initial weights. Default 0. */
  readonly seed?: number
  /** Units of every dense block, e.g. [3, 2, 1]; their number decides the reduction: 2 per block. */
  readonly units?: readonly number[]
  /** Layers of {ActNorm, 1×1 convolution, coupling} per unit, for every dense block. */
  readonly layers?: readonly number[]
  /** Channels of the coupling nets, for every dense block. */
  readonly mid?: readonly number[]
  /** Noise channels appended between units. */
  readonly growth?: number
  /** Dense layers of a coupling net. */
  readonly netDepth?: number
  /** Channels that each of them appends. */
  readonly netGrowth?: number
  /** Attention heads beside the dense layers. */
  readonly attention?: boolean
  /** Dequantisation by a flow of its own instead of uniform noise. */
  readonly variational?: boolean
}

const MOST = 1024
const MOST_BLOCKS = 5
const OPTION_NAMES = [
  'architecture',
  'device',
  'seed',
  'units',
  'layers',
  'mid',
  'growth',
  'netDepth',
  'netGrowth',
  'attention',
  'variational',
] as const satisfies readonly (keyof DenseFlowOptions)[]

/** Checks the options of a new flow and returns its native configuration. Throws INVALID_ARGUMENT. */
export function resolveFlowConfig(native: NativeAddon, options: DenseFlowOptions): NativeFlowConfig {
  if (typeof options !== 'object' || options === null) throw invalid('options', 'an object', options)
  checkOptionNames('DenseFlow.create', options, OPTION_NAMES)
  const known = native.flowArchitectures()
  const names = known.map(({ architecture }) => architecture)
  const architecture = checkOneOf('architecture', options.architecture ?? 'denseflow', names)
  const base = known.find((config) => config.architecture === architecture) as NativeFlowConfig
  const units = checkCounts('units', options.units ?? base.units, 1)
  return {
    architecture,
    units,
    layers: checkCounts('layers', options.layers ?? base.layers, 1, units.length),
    mid: checkCounts('mid', options.mid ?? base.mid, 2, units.length),
    growth: checkInteger('growth', options.growth ?? base.growth, 1, MOST),
    netDepth: checkInteger('netDepth', options.netDepth ?? base.netDepth, 1, MOST),
    netGrowth: checkInteger('netGrowth', options.netGrowth ?? base.netGrowth, 1, MOST),
    attention: checkFlag('attention', options.attention ?? base.attention),
    variational: checkFlag('variational', options.variational ?? base.variational),
    seed: checkInteger('seed', options.seed ?? 0, 0),
    device: checkDevice(native, options.device ?? 'cpu'),
  }
}

function checkCounts(name: string, values: unknown, min: number, length?: number): number[] {
  const fits = Array.isArray(values) && values.length >= 1 && values.length <= MOST_BLOCKS
  if (!fits || (length !== undefined && values.length !== length)) {
    const number = length === undefined ? `1 to ${MOST_BLOCKS}` : String(length)
    throw invalid(name, `an array of ${number} whole numbers, one per dense block,`, values)
  }
  return values.map((value, i) => checkInteger(`${name}[${i}]`, value, min, MOST))
}

function checkFlag(name: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalid(name, 'true or false', value)
  return value
}
