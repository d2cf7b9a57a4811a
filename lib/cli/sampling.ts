import { z } from 'zod'
import type { Dataset } from '../data/dataset.ts'
import type { Sampler } from '../data/sampling/sampler.ts'
import type { TrainingData } from '../training/describe-training.ts'
import type { CommandContext } from './command.ts'
import type { Flag } from './flags.ts'
import { UsageError } from './usage-error.ts'

const FORMS = 'shuffle, class-uniform, class-uniform:SHARE or mix:A,B'
const KINDS = ['shuffle', 'class-uniform', 'mix']

/** Which images the steps show: `shuffle`, `class-uniform:0.5` (a share of them by class), or `mix:3,1` (a weight per `--data`). */
export function samplingFlag(): Flag<string> {
  return {
    placeholder: 'HOW',
    expected: FORMS,
    schema: z.string().refine((text) => parse(text) !== undefined),
    many: false,
    required: false,
    default: 'shuffle',
    words: KINDS,
  }
}

/** A share of a class-uniform sampling, or the weights of a mixture. */
interface Sampling {
  readonly kind: string
  readonly numbers: readonly number[]
}

function parse(text: string): Sampling | undefined {
  const [, kind, list] = /^([a-z-]+)(?::([\d.,]+))?$/.exec(text) ?? []
  if (kind === undefined || !KINDS.includes(kind)) return undefined
  const numbers = list === undefined ? [] : list.split(',').map((part) => (part === '' ? NaN : Number(part)))
  if (numbers.some((value) => !(value > 0))) return undefined
  if (kind === 'shuffle') return numbers.length === 0 ? { kind, numbers } : undefined
  if (kind === 'mix') return numbers.length > 0 ? { kind, numbers } : undefined
  return numbers.length <= 1 && !numbers.some((share) => share > 1) ? { kind, numbers } : undefined
}

/**
 * The sampler that `--sampling` asks for, or undefined for a plain shuffle. Class-uniform sampling reads every label map
 * once.
 *
 * @param dataset what is trained on: all of `data`, joined
 */
export async function makeSampler(
  dataset: Dataset,
  data: readonly TrainingData[],
  text: string,
  context: CommandContext,
): Promise<Sampler | undefined> {
  const { kind, numbers } = parse(text) as Sampling
  if (kind === 'shuffle') return undefined
  if (kind === 'class-uniform') return byClass(dataset, numbers[0], context)
  if (numbers.length !== data.length) {
    throw new UsageError(
      `expected ${data.length} weights for --sampling mix:…, one for each --data, but received ${numbers.length}: ${numbers.join(',')}`,
    )
  }
  const { mixed } = await import('../data/sampling/mixed.ts')
  return mixed(data.map((part, i) => ({ dataset: part.dataset, weight: numbers[i] }))).sampler
}

async function byClass(dataset: Dataset, share: number | undefined, { ui, signal }: CommandContext) {
  const { indexClasses } = await import('../data/sampling/class-index.ts')
  const { classUniform } = await import('../data/sampling/class-uniform.ts')
  const progress = ui.progress('classes', dataset.length, 'images')
  const index = await indexClasses(dataset, { signal, onProgress: ({ done }) => progress.update(done) })
  const absent = dataset.classes.filter((_, label) => index[label].length === 0)
  progress.stop(`${dataset.classes.length - absent.length} of ${dataset.classes.length} classes occur`)
  if (absent.length > 0) ui.warn(`no image of ${dataset.name} shows ${absent.join(', ')}`)
  return classUniform(index, { length: dataset.length, ...(share !== undefined && { share }) })
}
