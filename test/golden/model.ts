import { dirname, join } from 'node:path'
import type { NativeAddon, NativeModel } from '../../lib/binding/native.ts'
import type { Tensor, TypedArray } from '../../lib/tensor.ts'
import type { CaseDescription, GoldenCase } from './find-cases.ts'
import type { Context } from './run.ts'
import { ruleWeights, type WeightEntry } from './weight-rule.ts'

type Tensors = Record<string, Tensor<TypedArray>>

/** LadderDenseNet-121 with `classes` outputs that takes images in [0, 1] as they are. */
export async function createLadder(
  native: NativeAddon,
  classes: number,
  context: Context,
  options: { channelsLast?: boolean } = {},
): Promise<NativeModel> {
  return native.createModel({
    architecture: 'ladder-densenet121',
    classes,
    options: {},
    mean: [0, 0, 0],
    std: [1, 1, 1],
    seed: 0,
    device: context.device,
    ...options,
  })
}

/** Weights of a case: by rule, or from the .safetensors file that `weights` names relative to the folder of all sets. */
export async function caseWeights(
  golden: GoldenCase,
  reference: Tensors,
  native: NativeAddon,
): Promise<Tensors> {
  const { weights, salt, gain } = golden.description as CaseDescription & {
    weights: string | WeightEntry[]
    salt: string
    gain: number
  }
  if (typeof weights !== 'string') return ruleWeights(weights, salt, gain, reference)
  const { tensors } = await native.readSafetensors(join(dirname(dirname(golden.jsonPath)), weights))
  return tensors
}

/** Loads all tensors; `absent` says which of the model's own tensors the weights may lack. */
export async function loadAll(model: NativeModel, weights: Tensors, absent?: RegExp): Promise<void> {
  const { missing, unexpected } = await model.loadTensors(weights, { strict: absent === undefined })
  const wrong = [...missing.filter((name) => !absent?.test(name)), ...unexpected]
  if (wrong.length > 0) throw new Error(`state dict does not fit, e.g. ${wrong.slice(0, 3).join(', ')}`)
}
