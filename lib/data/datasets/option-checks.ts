import { invalid } from '../../validate.ts'

/** Checks `options.root` and that those of the options `names` that are given are strings with something in them. */
export function checkStringOptions<T extends { root: string }>(
  options: T,
  names: readonly (keyof T & string)[],
): void {
  if (options.root === undefined) throw invalid('options.root', 'the path of a folder', undefined)
  for (const name of names) {
    const value = options[name]
    if (value === undefined || (typeof value === 'string' && value !== '')) continue
    throw invalid(`options.${name}`, 'a string that is not empty', value)
  }
}
