import { createHash } from 'node:crypto'
import { dirname, extname, relative, resolve, sep } from 'node:path'

/** The deepest folder that holds all files; the current folder for none. */
export function commonFolder(paths: readonly string[]): string {
  if (paths.length === 0) return process.cwd()
  const [first, ...others] = paths.map((path) => dirname(resolve(path)).split(sep))
  let shared = first.length
  for (const parts of others) {
    let same = 0
    while (same < shared && parts[same] === first[same]) same++
    shared = same
  }
  return first.slice(0, shared).join(sep) || sep
}

/**
 * Gives every input file the name of its outputs: its path relative to `root`, without extension. Inputs that would share
 * a name keep their extension as well, then get a piece of the hash of their path; an input has the same name whenever it is
 * asked for.
 */
export class OutputNames {
  readonly #root: string
  readonly #inputOf: Map<string, string>
  readonly #nameOf: Map<string, string>

  /**
   * @param root folder that names are relative to; inputs outside of it are named by their absolute path
   * @param known names given in earlier runs: [absolute path of the input, name]
   */
  constructor(root: string, known: Iterable<readonly [string, string]> = []) {
    this.#root = resolve(root)
    this.#nameOf = new Map(known)
    this.#inputOf = new Map([...this.#nameOf].map(([input, name]) => [name, input]))
  }

  /** The name of an input's outputs: a relative path without extension, never outside of the output folder. */
  nameOf(path: string): string {
    const input = resolve(path)
    const given = this.#nameOf.get(input)
    if (given !== undefined) return given
    const full = this.#relative(input)
    const stem = full.slice(0, full.length - extname(full).length)
    const hash = createHash('sha256').update(input).digest('hex').slice(0, 8)
    const name = [stem, full, `${stem}-${hash}`].find((candidate) => !this.#inputOf.has(candidate)) as string
    this.#nameOf.set(input, name)
    this.#inputOf.set(name, input)
    return name
  }

  #relative(input: string): string {
    const path = relative(this.#root, input)
    const outside = path === '..' || path.startsWith(`..${sep}`)
    return outside ? input.slice(1) : path
  }
}
