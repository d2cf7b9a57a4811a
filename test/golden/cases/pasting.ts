import {
  buildMask,
  generatedPatchSizes,
  type MaskDraws,
  rectangleSizes,
} from '../../../lib/negatives/mask.ts'
import { pastePatch } from '../../../lib/negatives/pasting.ts'
import { type Tensor, type TypedArray, tensor } from '../../../lib/tensor.ts'
import type { Computed, ScalarCheck } from '../compare.ts'
import type { CaseDescription } from '../find-cases.ts'
import type { RunCase } from '../run.ts'

type Tensors = Record<string, Tensor<TypedArray>>

/** Stride of the flow's latent grid. */
const FLOW_STRIDE = 8

/** Building masks, pasting patches, and the rule of patch sizes; which of them is seen from the case's tensors. */
export const runPasting: RunCase = async (golden, reference) => {
  if (reference.ood_label !== undefined) return buildMasks(golden.description, reference)
  if (reference.top_left !== undefined) return pastePatches(golden.description, reference)
  return { tensors: {}, scalars: sizeChecks(golden.description) }
}

/** Masks from the listed draws, replayed in their order. */
function buildMasks(description: CaseDescription, reference: Tensors): Computed {
  const hyper = description.hyper as {
    uniform_draws: number[]
    size_or_class_draws_in_order: number[]
    position_draws_in_order: number[]
    rect_prob: number
    classes_per_item: number
  }
  const uniform = replay('uniform', hyper.uniform_draws)
  const choice = replay('size or class', hyper.size_or_class_draws_in_order)
  const position = replay('position', hyper.position_draws_in_order)
  const pick = (options: readonly number[]) => choice.next((value) => options.includes(value))
  const draws: MaskDraws = {
    uniform: () => uniform.next(() => true),
    size: pick,
    classId: pick,
    position: (max) => position.next((value) => value <= max),
  }
  const [n, height, width] = reference.ood_label.shape
  const masks = new Uint8Array(n * height * width)
  for (let i = 0; i < n; i++) {
    const labels = Int32Array.from(
      reference.ood_label.data.subarray(i * height * width, (i + 1) * height * width) as Int32Array,
    )
    const options = { rectangleProbability: hyper.rect_prob, segments: hyper.classes_per_item }
    masks.set(buildMask(tensor(labels, [height, width]), draws, options).data, i * height * width)
  }
  for (const stream of [uniform, choice, position]) stream.finish()
  return { tensors: { mask: tensor(masks, [n, height, width]) } }
}

/** A list of draws that must be asked for in order, be allowed where asked for, and all be used. */
function replay(name: string, values: readonly number[]) {
  let used = 0
  return {
    next(allowed: (value: number) => boolean): number {
      if (used === values.length) throw new Error(`more ${name} draws than the case lists`)
      const value = values[used++]
      if (!allowed(value))
        throw new Error(`${name} draw ${used} of the case, ${value}, is not among the options`)
      return value
    },
    finish() {
      if (used < values.length)
        throw new Error(`only ${used} of ${values.length} ${name} draws were asked for`)
    },
  }
}

/** Pasting, image by image, with the two label maps that the losses use. */
function pastePatches(description: CaseDescription, reference: Tensors): Computed {
  const { ood_id: negativeLabel, ignore } = description.hyper as { ood_id: number; ignore: number }
  const [n, channels, height, width] = reference.image.shape
  const plane = height * width
  const [patchHeight, patchWidth] = reference.patch.shape.slice(2)
  const images = new Float32Array(n * channels * plane)
  const labels = new Int32Array(n * plane)
  const replaced = new Float32Array(n * channels * patchHeight * patchWidth)
  for (let i = 0; i < n; i++) {
    const label = Int32Array.from(reference.label.data.subarray(i * plane, (i + 1) * plane) as Int32Array)
    const mask = reference.mask?.data.subarray(
      i * patchHeight * patchWidth,
      (i + 1) * patchHeight * patchWidth,
    )
    const pasted = pastePatch(
      toChannelsLast(reference.image, i),
      tensor(label, [height, width]),
      toChannelsLast(reference.patch, i),
      mask === undefined ? null : tensor(Uint8Array.from(mask as Uint8Array), [patchHeight, patchWidth]),
      Number(reference.top_left.data[2 * i]),
      Number(reference.top_left.data[2 * i + 1]),
      { negativeLabel },
    )
    images.set(toChannelsFirst(pasted.image), i * channels * plane)
    labels.set(pasted.labels.data, i * plane)
    replaced.set(toChannelsFirst(pasted.replaced), i * channels * patchHeight * patchWidth)
  }
  const isNegative = (label: number) => label === negativeLabel
  return {
    tensors: {
      image_out: tensor(images, reference.image.shape),
      label_out: tensor(labels, reference.label.shape),
      label_ood: tensor(
        Uint8Array.from(labels, (l) => Number(isNegative(l))),
        reference.label.shape,
      ),
      label_seg: tensor(
        labels.map((l) => (isNegative(l) ? ignore : l)),
        reference.label.shape,
      ),
      replaced_inlier_patch: tensor(replaced, reference.patch.shape),
    },
  }
}

/** Image `index` of N×C×H×W as H×W×C. */
function toChannelsLast({ data, shape }: Tensor<TypedArray>, index: number): Tensor {
  const [, c, h, w] = shape
  const output = new Float32Array(c * h * w)
  for (let i = 0; i < output.length; i++) {
    output[i] = Number(data[index * c * h * w + (i % c) * h * w + Math.floor(i / c)])
  }
  return tensor(output, [h, w, c])
}

/** H×W×C as C×H×W. */
function toChannelsFirst({ data, shape }: Tensor): Float32Array {
  const [h, w, c] = shape
  return data.map((_, i) => data[(i % (h * w)) * c + Math.floor(i / (h * w))])
}

/** The allowed sides of patches, list against list. */
function sizeChecks(description: CaseDescription): ScalarCheck[] {
  const check = (name: string, got: readonly number[], listed: unknown): ScalarCheck => ({
    name: `${name} differs`,
    got: Number(got.join() !== String(listed)),
    reference: 0,
    rtol: 0,
    atol: 0,
  })
  const byLimit = (description.densehybrid_sizes_by_max_dim ?? {}) as Record<string, number[]>
  const checks = Object.entries(byLimit).map(([limit, sizes]) =>
    check(`sizes below ${limit}`, rectangleSizes(Number(limit)), sizes),
  )
  if (description.generated_sizes !== undefined) {
    checks.push(check('generated sizes', generatedPatchSizes, description.generated_sizes))
  }
  if (description.generated_latent_sizes !== undefined) {
    const latent = generatedPatchSizes.map((size) => size / FLOW_STRIDE)
    checks.push(check('generated latent sizes', latent, description.generated_latent_sizes))
  }
  return checks
}
