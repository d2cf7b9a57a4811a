import type { Tensor, TypedArray } from '../../lib/tensor.ts'
import type { CaseDescription } from './find-cases.ts'
import { excludedElements } from './where.ts'

type Tensors = Record<string, Tensor<TypedArray>>

/** A number held against a reference number, with the tolerance the case gives for it. */
export interface ScalarCheck {
  name: string
  got: number
  reference: number
  rtol: number
  atol: number
}

/** What this package computed for a case. */
export interface Computed {
  /** By the name of the output it is held against. */
  tensors: Tensors
  /** Some of the outputs computed in another way, by its name; held against the same checks. */
  variants?: Record<string, Tensors>
  scalars?: ScalarCheck[]
  /** Outputs and scalars left out on purpose, each with its reason; any other output without a value is a failure. */
  omitted?: Record<string, string>
  /** Printed at the end of the line. */
  notes?: string[]
}

/** How one output came out. */
export interface Measured {
  name: string
  maxAbs: number
  /** Over elements with |ref| > atol, where a ratio says something. */
  maxRel: number
  rtol: number
  atol: number
  exact: boolean
  /** Largest |got − ref| / (atol + rtol·|ref|); > 1 fails. */
  share: number
  compared: number
  failure?: string
}

/** All comparisons of a case. */
export interface CaseResult {
  measured: Measured[]
  failures: string[]
  notes: string[]
}

/** Holds what was computed against every output the case checks. */
export function compareCase(
  description: CaseDescription,
  reference: Tensors,
  computed: Computed,
): CaseResult {
  const measured: Measured[] = []
  const failures: string[] = []
  for (const [name, check] of Object.entries(description.checks ?? {})) {
    if (check.role !== 'output' && check.role !== 'derived') continue
    if (computed.omitted?.[name] !== undefined) continue
    if (computed.tensors[name] === undefined) failures.push(`${name}: nothing was computed for this output`)
    else measured.push(compareTensor(description, reference, name, computed.tensors[name]))
  }
  for (const [variant, tensors] of Object.entries(computed.variants ?? {})) {
    for (const [name, got] of Object.entries(tensors)) {
      const role = description.checks[name].role
      if (role !== 'output' && role !== 'derived') continue
      measured.push(compareTensor(description, reference, name, got, ` (${variant})`))
    }
  }
  for (const scalar of computed.scalars ?? []) measured.push(compareScalar(scalar))
  for (const { failure } of measured) if (failure !== undefined) failures.push(failure)
  if (measured.length === 0) failures.push('the case holds no output to compare')
  return { measured, failures, notes: [...(computed.notes ?? []), ...omissions(computed.omitted ?? {})] }
}

/** One note a reason, with the first names that it holds for. */
function omissions(omitted: Record<string, string>): string[] {
  return [...new Set(Object.values(omitted))].map((reason) => {
    const names = Object.keys(omitted).filter((name) => omitted[name] === reason)
    const more = names.length > 3 ? ` and ${names.length - 3} more` : ''
    return `left out ${names.slice(0, 3).join(', ')}${more}: ${reason}`
  })
}

/** Compares one output element by element, by the rule that its check gives; `suffix` is added to its printed name. */
export function compareTensor(
  description: CaseDescription,
  reference: Tensors,
  name: string,
  got: Tensor<TypedArray>,
  suffix = '',
): Measured {
  const shown = `${name}${suffix}`
  const check = description.checks[name]
  const expected = reference[name]
  const exact = check.exact === true
  const result: Measured = {
    name: shown,
    maxAbs: 0,
    maxRel: 0,
    rtol: check.rtol ?? 0,
    atol: check.atol ?? 0,
    exact,
    share: 0,
    compared: 0,
  }
  if (!exact && check.rtol === undefined && check.atol === undefined) {
    return { ...result, failure: `${shown}: its check gives no tolerance` }
  }
  if (got.shape.join() !== expected.shape.join()) {
    return {
      ...result,
      failure: `${shown}: shape ${got.shape.join('×')}, expected ${expected.shape.join('×')}`,
    }
  }
  const excluded = excludedElements(description, reference, name)
  let worst = -1
  for (let i = 0; i < expected.data.length; i++) {
    if (excluded?.(i)) continue
    result.compared++
    const a = Number(got.data[i])
    const b = Number(expected.data[i])
    if (Object.is(a, b) || a === b || (check.nan_equals_nan && Number.isNaN(a) && Number.isNaN(b))) continue
    // Written so that NaN and infinities end as Infinity, never as a pass.
    const difference = Number.isFinite(a) && Number.isFinite(b) ? Math.abs(a - b) : Infinity
    const share = exact ? Infinity : difference / (result.atol + result.rtol * Math.abs(b))
    result.maxAbs = Math.max(result.maxAbs, difference)
    if (Math.abs(b) > result.atol) result.maxRel = Math.max(result.maxRel, difference / Math.abs(b))
    if (share > result.share) {
      result.share = share
      worst = i
    }
  }
  if (result.share > 1) {
    result.failure = `${shown}[${worst}]: got ${got.data[worst]}, expected ${expected.data[worst]}`
  }
  return result
}

function compareScalar({ name, got, reference, rtol, atol }: ScalarCheck): Measured {
  const finite = Number.isFinite(got) && Number.isFinite(reference)
  const maxAbs = Object.is(got, reference) ? 0 : finite ? Math.abs(got - reference) : Infinity
  const limit = atol + rtol * Math.abs(reference)
  const share = maxAbs === 0 ? 0 : maxAbs / limit
  return {
    name,
    maxAbs,
    maxRel: Math.abs(reference) > atol ? maxAbs / Math.abs(reference) : 0,
    rtol,
    atol,
    exact: limit === 0,
    share,
    compared: 1,
    ...(share > 1 ? { failure: `${name}: got ${got}, expected ${reference}` } : {}),
  }
}

/** A scalar of a case's JSON; non-finite numbers are written as strings there. */
export function scalarValue(value: unknown): number | undefined {
  if (typeof value === 'number') return value
  if (value === 'nan') return Number.NaN
  if (value === 'inf') return Infinity
  return value === '-inf' ? -Infinity : undefined
}

/** `maxAbs maxRel tolerance` of the output that came nearest to its limit, and how near. */
export function summarize(measured: readonly Measured[]): string {
  if (measured.length === 0) return '- - -'
  const worst = measured.reduce((a, b) =>
    b.share > a.share || (b.share === a.share && loose(b) > loose(a)) ? b : a,
  )
  const tolerance = worst.exact ? 'exact' : `rtol=${short(worst.rtol)},atol=${short(worst.atol)}`
  const share =
    worst.share <= 1 ? `${(100 * worst.share).toFixed(1)} % of it used by ${worst.name}` : worst.name
  return `${short(worst.maxAbs)} ${short(worst.maxRel)} ${tolerance} (${measured.length} compared, ${share})`
}

function loose(m: Measured): number {
  return m.exact ? -1 : m.atol + m.rtol
}

function short(value: number): string {
  return value === 0
    ? '0'
    : Number.isFinite(value)
      ? value.toExponential(1).replace('.0e', 'e')
      : String(value)
}
