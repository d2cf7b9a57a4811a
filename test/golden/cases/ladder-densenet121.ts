import type { NativeForwardResult } from '../../../lib/binding/native.ts'
import { elementCount, type Tensor, type TypedArray, tensor } from '../../../lib/tensor.ts'
import { upsampleBilinear } from '../bilinear.ts'
import type { Computed } from '../compare.ts'
import type { GoldenCase } from '../find-cases.ts'
import { caseWeights, createLadder, loadAll } from '../model.ts'
import type { Context, RunCase } from '../run.ts'
import { hybridScoreAt } from './hybrid-score.ts'

const PROBE_CHANNELS = 8

/** Forward pass in evaluation mode: logits, score, prediction and intermediate activations. */
export const runLadderDensenet121: RunCase = async (golden, reference, context) => {
  if (golden.description.op === 'state dict') return runStateDict(golden, reference, context)
  const { hyper, checks } = golden.description
  const native = await context.native()
  const model = await createLadder(native, hyper.num_classes as number, context)
  let result: NativeForwardResult
  try {
    await loadAll(model, await caseWeights(golden, reference, native))
    result = await model.forward(reference.input as Tensor, { precision: 'float32', probes: true })
  } finally {
    model.dispose()
  }
  const size = hyper.target_size as [number, number]
  const computed: Record<string, Tensor<TypedArray>> = {
    logits_lowres: result.logits,
    logits_ood_lowres: result.oodLogits,
    logits: upsampleBilinear(result.logits, ...size),
    logits_ood: upsampleBilinear(result.oodLogits, ...size),
    ...(await hybridScoreAt(native, result.logits, result.oodLogits, size)),
  }
  for (const name of Object.keys(checks)) {
    const match = /^(probe\..+)\.(ch0_8|chan_mean)$/.exec(name)
    const probe = match === null ? undefined : result.probes?.[match[1]]
    if (probe !== undefined)
      computed[name] = match?.[2] === 'ch0_8' ? firstChannels(probe) : channelMeans(probe)
  }
  return { tensors: computed }
}

/** A stored state dict: it must load strictly, tensor for tensor, and come back unchanged. */
async function runStateDict(
  golden: GoldenCase,
  reference: Record<string, Tensor<TypedArray>>,
  context: Context,
): Promise<Computed> {
  const native = await context.native()
  const { num_classes: classes, n_parameters: parameters } = golden.description as unknown as Record<
    string,
    number
  >
  const model = await createLadder(native, classes, context)
  try {
    const { tensors } = await native.readSafetensors(golden.tensorPath)
    await loadAll(model, tensors)
    const back = await model.tensors()
    const exact = { rtol: 0, atol: 0 }
    const different = Object.keys(reference).filter((name) => {
      const expected = reference[name].data
      return back[name] === undefined || expected.some((value, i) => value !== back[name].data[i])
    })
    return {
      tensors: {},
      scalars: [
        { name: 'parameter count', got: model.parameterCount, reference: parameters, ...exact },
        {
          name: 'tensors',
          got: Object.keys(back).length,
          reference: Object.keys(reference).length,
          ...exact,
        },
        { name: 'changed tensors', got: different.length, reference: 0, ...exact },
      ],
    }
  } finally {
    model.dispose()
  }
}

/** The first channels of N×C×h×w. */
function firstChannels({ data, shape }: Tensor): Tensor {
  const [n, c, h, w] = shape
  const part = PROBE_CHANNELS * h * w
  const output = new Float32Array(n * part)
  for (let image = 0; image < n; image++) {
    output.set(data.subarray(image * c * h * w, image * c * h * w + part), image * part)
  }
  return tensor(output, [n, PROBE_CHANNELS, h, w])
}

/** Mean of every channel over N, h and w. */
function channelMeans({ data, shape }: Tensor): Tensor<Float64Array> {
  const [, c, h, w] = shape
  const sums = new Float64Array(c)
  data.forEach((value, i) => {
    sums[Math.floor(i / (h * w)) % c] += value
  })
  return tensor(
    sums.map((sum) => (sum * c) / elementCount(shape)),
    [c],
  )
}
