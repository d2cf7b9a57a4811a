import { DenseHybridError } from '../../errors.ts'

/** Characters of a sentence, at most: names in a file may be of any length. */
const MAX_LENGTH = 1000

/** The error of a .pth file that is damaged, incomplete or not what torch.save writes. */
export function damaged(path: string, reason: string, cause?: unknown): DenseHybridError {
  return new DenseHybridError(
    'INVALID_FILE',
    `${path} is not a readable PyTorch file: ${printable(reason)}.`,
    {
      hint: 'The file is damaged or incomplete: copy or save it again.',
      cause,
    },
  )
}

/** The error of a .pth file that may be whole but that is not read here. `hint` says how to get one that is. */
export function refused(path: string, reason: string, hint: string): DenseHybridError {
  return new DenseHybridError('INVALID_FILE', `${path} ${printable(reason)}.`, {
    hint: printable(hint),
  })
}

/** Names in a file may have any characters; those that control a terminal are not shown. */
function printable(sentence: string): string {
  const shown = sentence.replace(/\p{Cc}/gu, '\ufffd')
  return shown.length > MAX_LENGTH ? `${shown.slice(0, MAX_LENGTH)}…` : shown
}
