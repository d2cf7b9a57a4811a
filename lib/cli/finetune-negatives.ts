import type { DenseFlow } from '../dense-flow.ts'
import type { NegativeSource } from '../negatives/types.ts'
import { type Flags, number, pair, text, toggle } from './flags.ts'
import { UsageError } from './usage-error.ts'

/** Flags of `finetune` that say where negatives come from. */
export const NEGATIVES_FLAGS = {
  negatives: text('KIND', { required: true }),
  real: text('SPEC'),
  flow: text('CKPT'),
  realProbability: number(0, 1),
  freezeFlow: toggle(),
  flowSides: pair(1, { default: [16, 216], placeholder: 'A,B' }),
  lambda: number(0, 1000, { default: 0.03 }),
  flowLr: number(0, 100, { default: 1e-5 }),
} satisfies Flags

/** Values of {@link NEGATIVES_FLAGS}. */
export interface NegativesValues {
  negatives: string
  real?: string
  flow?: string
  realProbability?: number
  freezeFlow?: boolean
  flowSides: readonly [number, number]
}

/** What the flags ask for. */
interface Plan {
  real?: string
  flow?: string
  /** S */
  realProbability: number
}

/** Opens the sources that the flags name; `spec`: that of the real ones, else the flow's file. The caller disposes the flow. */
export async function openFinetuneNegatives(
  values: NegativesValues,
  { device, signal }: { device: string; signal: AbortSignal },
): Promise<{ negatives: NegativeSource; spec?: string; flow?: DenseFlow }> {
  const plan = planNegatives(values)
  const spec = plan.real ?? plan.flow
  const { openNegatives } = await import('../data/registry.ts')
  const real = plan.real === undefined ? undefined : await openNegatives(plan.real, { signal })
  if (plan.flow === undefined) return { negatives: real as NegativeSource, spec }
  const { DenseFlow } = await import('../dense-flow.ts')
  const { synthetic } = await import('../negatives/synthetic.ts')
  const { mix } = await import('../negatives/mix.ts')
  const flow = await DenseFlow.load(plan.flow, { device })
  try {
    const samples = synthetic(flow, { sides: values.flowSides })
    return { flow, spec, negatives: real === undefined ? samples : mix(real, samples, plan.realProbability) }
  } catch (error) {
    flow.dispose()
    throw error
  }
}

/** `--negatives` is real, synthetic, mixed, or short for real with this `--real`. */
export function planNegatives(values: NegativesValues): Plan {
  const { flow, realProbability } = values
  const kinds = ['real', 'synthetic', 'mixed']
  const kind = kinds.includes(values.negatives) ? values.negatives : 'real'
  const real = values.negatives === kind ? values.real : (values.real ?? values.negatives)
  if (values.negatives !== kind && values.real !== undefined) {
    throw new UsageError('--real needs --negatives real or mixed; give the data set in one place')
  }
  const need = (flag: string, value: unknown, what: string) => {
    if (value === undefined) throw new UsageError(`--negatives ${kind} needs ${flag} ${what}`)
  }
  const refuse = (flag: string, value: unknown) => {
    if (value !== undefined && value !== false) throw new UsageError(`--negatives ${kind} takes no ${flag}`)
  }
  if (kind === 'synthetic') refuse('--real', real)
  else need('--real', real, 'SPEC: the data set that they are cut from')
  if (kind === 'real')
    for (const name of ['flow', 'freezeFlow'] as const)
      refuse(`--${name === 'flow' ? name : 'freeze-flow'}`, values[name])
  else need('--flow', flow, 'CKPT, which train-flow writes')
  if (kind !== 'mixed') refuse('--real-probability', realProbability)
  return {
    ...(real !== undefined && { real }),
    ...(flow !== undefined && { flow }),
    realProbability: kind === 'real' ? 1 : kind === 'synthetic' ? 0 : (realProbability ?? 0.5),
  }
}
