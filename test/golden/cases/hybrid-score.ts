import type { NativeAddon, NativeScoreResult } from '../../../lib/binding/native.ts'
import { type Tensor, tensor } from '../../../lib/tensor.ts'
import type { RunCase } from '../run.ts'
import { thresholdOf } from '../where.ts'

const ALL_SCORES = ['hybrid', 'discriminative', 'generative', 'maxSoftmax', 'maxLogit', 'entropy'] as const

/** All scores of one pass, the closed-set labels, and the open-set labels at every listed threshold. */
export const runHybridScore: RunCase = async (golden, reference, context) => {
  const { hyper, checks } = golden.description
  const native = await context.native()
  const logits = reference.logits_lowres as Tensor
  const oodLogits = reference.logits_ood_lowres as Tensor
  const [height, width] = hyper.size as [number, number]
  const options = { height, width, alignCorners: hyper.align_corners === true }

  const closed = await native.hybridScore(logits, oodLogits, { ...options, scores: ALL_SCORES })
  const computed: Record<string, Tensor | Tensor<Uint8Array>> = {
    ...goldenScores(closed),
    pred: closed.labels,
  }
  for (const name of Object.keys(checks)) {
    if (!name.startsWith('open_pred')) continue
    const threshold = thresholdOf(golden.description, name)
    const open = await native.hybridScore(logits, oodLogits, { ...options, scores: ['hybrid'], threshold })
    computed[name] = open.labels
  }
  return { tensors: computed }
}

/** Score s_H and closed-set labels of given logits at `size`. */
export async function hybridScoreAt(
  native: NativeAddon,
  logits: Tensor,
  oodLogits: Tensor,
  [height, width]: readonly [number, number],
): Promise<{ score: Tensor; pred: Tensor<Uint8Array> }> {
  const { labels, scores } = await native.hybridScore(logits, oodLogits, {
    height,
    width,
    scores: ['hybrid'],
  })
  return { score: scores.hybrid, pred: labels }
}

/** Our scores under the reference's names and signs: ours all grow with anomaly. */
function goldenScores({ scores }: NativeScoreResult): Record<string, Tensor> {
  const map = (source: Tensor, f: (value: number) => number) => tensor(source.data.map(f), source.shape)
  return {
    s_H: scores.hybrid,
    s_D: scores.discriminative,
    s_G: scores.generative,
    s_energy: scores.generative,
    s_maxlogit: scores.maxLogit,
    s_entropy: scores.entropy,
    max_softmax: map(scores.maxSoftmax, (value) => -value),
    s_msp: map(scores.maxSoftmax, (value) => 1 + value),
    posterior_out: map(scores.discriminative, Math.exp),
  }
}
