import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import type { Tensor, TypedArray } from '../../lib/tensor.ts'
import { readReference } from './safetensors.ts'

/** What a case says about one of its tensors. Outputs pass when |got − ref| ≤ atol + rtol·|ref|. */
export interface Check {
  role: 'input' | 'weight' | 'draw' | 'derived' | 'output' | 'info'
  rtol?: number
  atol?: number
  exact?: boolean
  /** Elements left out, in words; see `where.ts`. */
  except_where?: string
  /** The only elements that count, in words. */
  only_where?: string
  nan_equals_nan?: boolean
}

/** The JSON file of a case. Cases carry more fields than these; each op reads its own. */
export interface CaseDescription {
  case: string
  name: string
  op: string
  description: string
  hyper: Record<string, unknown>
  scalars?: Record<string, unknown>
  tolerance?: unknown
  checks: Record<string, Check>
  [field: string]: unknown
}

/** One case of the folder. */
export interface GoldenCase {
  /** Path below the folder without `.json`; what the runner prints. */
  readonly label: string
  readonly jsonPath: string
  /** Path of the tensors, which may not exist (a case can be JSON only). */
  readonly tensorPath: string
  readonly description: CaseDescription
}

/** A JSON file that should be a case and cannot be read. */
export interface BrokenCase {
  readonly label: string
  readonly reason: string
}

/**
 * All cases below `folder`, sorted by label: every JSON file that names its kind in the field `case`, or that says
 * how its pixels are generated. Other JSON files (manifests) are passed over; a JSON file that cannot be parsed is returned as broken.
 */
export async function findCases(folder: string): Promise<(GoldenCase | BrokenCase)[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith('.json'))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
  const found: (GoldenCase | BrokenCase)[] = []
  for (const jsonPath of paths) {
    const base = jsonPath.slice(0, -'.json'.length)
    const label = relative(folder, base)
    let description: CaseDescription
    try {
      description = JSON.parse(await readFile(jsonPath, 'utf8')) as CaseDescription
    } catch (error) {
      found.push({ label, reason: `unreadable JSON: ${(error as Error).message}` })
      continue
    }
    // A case without inputs on disk: it says how they are generated.
    if (description?.generator !== undefined && description.n_pixels !== undefined)
      description.case = 'generated_pixels'
    if (typeof description?.case !== 'string') continue
    found.push({ label, jsonPath, tensorPath: `${base}.safetensors`, description })
  }
  return found
}

/** The tensors of a case; none when its JSON lists none. */
export async function loadTensors(golden: GoldenCase): Promise<Record<string, Tensor<TypedArray>>> {
  const listed = (golden.description.tensors ?? {}) as Record<string, { shape: number[] }>
  if (Object.keys(listed).length === 0) return {}
  const tensors = await readReference(golden.tensorPath)
  for (const [name, { shape }] of Object.entries(listed)) {
    if (tensors[name] === undefined) throw new Error(`${golden.tensorPath}: tensor ${name} is missing`)
    if (tensors[name].shape.join() !== shape.join())
      throw new Error(`${golden.tensorPath}: ${name} has another shape`)
  }
  return tensors
}
