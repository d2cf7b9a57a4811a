import type { Stage, StageCommand, StageValue } from './recipe.ts'

/** Images that are read of every data set. */
const IMAGES = 8

/** Flags whose values are specs of data sets. */
const SPECS = ['data', 'val', 'negatives', 'real', 'calibrate-on', 'second-fold', 'paste-negatives']

type Flags = Readonly<Record<string, StageValue>>

const TRAINING: Flags = { steps: 2, batch: 2, crop: 64, 'log-every': 1 }

/** What makes a command small enough to be tried out. */
const SMALL: Readonly<Record<StageCommand, Flags>> = {
  train: TRAINING,
  finetune: { ...TRAINING, 'flow-sides': [16, 24] },
  'train-flow': { architecture: 'denseflow-tiny', steps: 2, batch: 2, crop: 32, 'log-every': 1 },
  convert: {},
  calibrate: {},
  evaluate: {},
}

/** Lengths that `steps` takes the place of, weights that would have to be fetched, and intervals. */
const LEFT_OUT = ['epochs', 'weights', 'bootstrap']

/**
 * The flags of a stage for `--smoke`: two steps on small crops, a few images of every data set, random weights.
 *
 * @param changes of the recipe; those that the stage has take effect
 */
export function smokeFlags(stage: Stage, changes: Flags): Flags {
  const kept = Object.entries(stage.flags).filter(([name]) => !LEFT_OUT.includes(name))
  const small = { ...Object.fromEntries(kept), ...SMALL[stage.command] }
  const changed = Object.entries(changes).filter(([name]) => name in stage.flags)
  const flags = { ...small, ...Object.fromEntries(changed) }
  return Object.fromEntries(
    Object.entries(flags).map(([name, value]) => [name, SPECS.includes(name) ? limited(value) : value]),
  )
}

function limited(value: StageValue): StageValue {
  if (Array.isArray(value)) return value.map((one) => limitedSpec(String(one)))
  return limitedSpec(String(value))
}

/** `real`, `synthetic` and `mixed` are no specs, and generated scenes are few already. */
export function limitedSpec(spec: string): string {
  if (!spec.includes(':') || spec.startsWith('scenes:') || /[?&]limit=/.test(spec)) return spec
  return `${spec}${/\?[^?]*$/.test(spec) ? '&' : '?'}limit=${IMAGES}`
}
