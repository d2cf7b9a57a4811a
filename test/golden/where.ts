/**
 * The conditions of a case's checks, which are written in words. Each form is recognised as a whole; one that is not
 * recognised is an error, never a check that silently counts everything or nothing.
 */
import type { Tensor, TypedArray } from '../../lib/tensor.ts'
import { upsampleBilinear } from './bilinear.ts'
import type { CaseDescription } from './find-cases.ts'

type Tensors = Record<string, Tensor<TypedArray>>
type Excluded = (element: number) => boolean

const NUMBER = '([0-9.]+(?:e[-+]?[0-9]+)?)'

/** Which elements of output `name` take no part in the comparison; undefined when all of them count. */
export function excludedElements(
  description: CaseDescription,
  reference: Tensors,
  name: string,
): Excluded | undefined {
  const { except_where: except, only_where: only } = description.checks[name]
  const rules: Excluded[] = []
  for (const clause of except?.split(' or ') ?? [])
    rules.push(exceptRule(description, reference, name, clause))
  if (only !== undefined) rules.push(onlyRule(reference, name, only))
  return rules.length === 0 ? undefined : (element) => rules.some((rule) => rule(element))
}

function exceptRule(
  description: CaseDescription,
  reference: Tensors,
  name: string,
  clause: string,
): Excluded {
  const multiple = matchNumber(
    clause,
    `gap between the two largest reference logits <= ${NUMBER}\\*atol\\(logits\\)`,
  )
  if (multiple !== undefined) {
    const limit = multiple * logitsTolerance(description)
    const gap = topTwoGap(description, reference, name)
    return (element) => gap[element] <= limit
  }
  const gapLimit = matchNumber(clause, `top-2 gap(?: of the reference logits)? < ${NUMBER}`)
  if (gapLimit !== undefined) {
    const gap = topTwoGap(description, reference, name)
    return (element) => gap[element] < gapLimit
  }
  const distance = matchNumber(clause, `\\|s_H - threshold\\| < ${NUMBER}`)
  if (distance !== undefined) {
    const threshold = thresholdOf(description, name)
    const scores = required(reference, 's_H').data
    return (element) => Math.abs(Number(scores[element]) - threshold) < distance
  }
  const grid = /^256\*continuous within (.+) of an integer \(may differ by 1\)$/.exec(clause)
  if (grid !== null) {
    const atol = description.checks.continuous?.atol
    const limit = grid[1] === '256*atol(continuous)' ? 256 * (atol ?? Number.NaN) : Number(grid[1])
    if (!(limit < 0.5)) throw new Error(`cannot read the condition ${JSON.stringify(clause)} of ${name}`)
    const values = required(reference, 'continuous').data
    return (element) =>
      Math.abs(256 * Number(values[element]) - Math.round(256 * Number(values[element]))) < limit
  }
  throw new Error(`cannot read the condition ${JSON.stringify(clause)} of ${name}`)
}

function onlyRule(reference: Tensors, name: string, text: string): Excluded {
  const limit = matchNumber(text, `(?:entries with )?\\|grad_step0\\| > ${NUMBER}(?: only)?`)
  if (limit === undefined) throw new Error(`cannot read the condition ${JSON.stringify(text)} of ${name}`)
  const gradient = required(reference, `grad_step0.${name.slice(name.indexOf('.') + 1)}`).data
  return (element) => !(Math.abs(Number(gradient[element])) > limit)
}

/** Threshold that belongs to an open-set prediction. */
export function thresholdOf(description: CaseDescription, name: string): number {
  const thresholds = (description.hyper.thresholds ?? []) as { tensor: string; threshold: number }[]
  const entry = thresholds.find(({ tensor }) => tensor === name)
  if (entry === undefined) throw new Error(`hyper.thresholds has no entry for ${name}`)
  return entry.threshold
}

function logitsTolerance(description: CaseDescription): number {
  const check = description.checks.logits ?? description.checks.logits_lowres
  if (check?.atol === undefined) throw new Error('the case gives no atol for its logits')
  return check.atol
}

/** Difference of the two largest reference logits at every pixel of output `name` (N×H×W). */
function topTwoGap(description: CaseDescription, reference: Tensors, name: string): Float64Array {
  const [n, height, width] = required(reference, name).shape
  const logits =
    reference.logits ??
    upsampleBilinear(
      required(reference, 'logits_lowres') as Tensor,
      height,
      width,
      description.hyper.align_corners === true,
    )
  const classes = logits.shape[1]
  const plane = height * width
  const gap = new Float64Array(n * plane)
  for (let image = 0; image < n; image++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      let first = -Infinity
      let second = -Infinity
      for (let k = 0; k < classes; k++) {
        const value = Number(logits.data[(image * classes + k) * plane + pixel])
        if (value > first) {
          second = first
          first = value
        } else if (value > second) second = value
      }
      gap[image * plane + pixel] = first - second
    }
  }
  return gap
}

function required(reference: Tensors, name: string): Tensor<TypedArray> {
  if (reference[name] === undefined)
    throw new Error(`the case has no tensor ${name}, which a condition needs`)
  return reference[name]
}

function matchNumber(text: string, pattern: string): number | undefined {
  const match = new RegExp(`^${pattern}$`).exec(text.trim())
  return match === null ? undefined : Number(match[1])
}
