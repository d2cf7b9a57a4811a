import { InstallError, isDiskFull } from './errors.mjs'

const SHOWN_LINES = 20

/**
 * The error of a failed configure or compile step, with the part of the output that says why.
 *
 * @param {'configure' | 'compile'} step
 * @param {readonly string[]} lines everything that cmake-js, CMake and the compiler printed
 * @param {string} logFile where all of it is kept
 */
export function buildFailure(step, lines, logFile) {
  const text = lines.join('\n')
  if (isDiskFull(text)) {
    return new InstallError(
      'The disk is full: the compiler could not write.',
      'Free some space and run the command again; it goes on where it stopped.',
    )
  }
  if (
    /Killed signal terminated program|internal compiler error: Killed|fatal error: Killed|Cannot allocate memory|virtual memory exhausted/i.test(
      text,
    )
  ) {
    return new InstallError(
      'The compiler was killed: the memory did not suffice.',
      'Compile one file at a time: DENSEHYBRID_JOBS=1 npx densehybrid build. It goes on where it stopped.',
    )
  }
  const telling = step === 'configure' ? [/^CMake Error/] : [/error:/i, /undefined reference/, /^FAILED:/]
  const first = telling.map((pattern) => lines.findIndex((line) => pattern.test(line))).find((at) => at >= 0)
  const shown = first === undefined ? lines.slice(-SHOWN_LINES) : lines.slice(first, first + SHOWN_LINES)
  const message =
    step === 'configure' ? 'CMake could not configure the native addon.' : 'The native addon did not compile.'
  return new InstallError(message, `The whole output is in ${logFile}.`, {
    details: shown.join('\n').trimEnd(),
  })
}
