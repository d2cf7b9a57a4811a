import { DenseHybridError } from './errors.ts'

/** A file of this package. */
interface CheckpointKind {
  /** The entry of the metadata that it is known by. */
  readonly key: string
  readonly title: string
  /** For those who wanted another. */
  readonly hint: string
}

/** The first whose entry is there: the state of a trainer has those of its model, too. */
const KINDS = [
  {
    key: 'densehybrid.trainer',
    title: 'the state of a Trainer',
    hint: 'Its model is in model.safetensors beside it; Trainer.resume and --resume read the state.',
  },
  {
    key: 'densehybrid.flow-trainer',
    title: 'the state of a FlowTrainer',
    hint: 'Its flow is in flow.safetensors beside it; FlowTrainer.resume and --resume read the state.',
  },
  { key: 'densehybrid.flow', title: 'a checkpoint of a flow', hint: 'DenseFlow.load and --flow read it.' },
  { key: 'densehybrid', title: 'a checkpoint of a Segmenter', hint: 'Segmenter.load and --model read it.' },
] as const satisfies readonly CheckpointKind[]

/**
 * Refuses a file of this package that is of another kind than the wanted one; files from elsewhere pass.
 *
 * @param entries the metadata of a .safetensors file
 * @throws DenseHybridError INVALID_FILE
 */
export function refuseOtherKinds(
  entries: Readonly<Record<string, string>>,
  wanted: (typeof KINDS)[number]['key'],
  path: string,
): void {
  const kind = KINDS.find(({ key }) => entries[key] !== undefined)
  if (kind === undefined || kind.key === wanted) return
  const { title } = KINDS.find(({ key }) => key === wanted)!
  throw new DenseHybridError('INVALID_FILE', `${path} is ${kind.title}, not ${title}.`, { hint: kind.hint })
}
