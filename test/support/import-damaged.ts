import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { DenseHybridError } from '../../lib/errors.ts'
import { Segmenter } from '../../lib/segmenter.ts'
import { noiseImages } from './toy-data.ts'

/** One way to damage a file: cut it off at a byte, or flip bits of it. */
export interface Damage {
  readonly at: number
  /** Bits to flip; 0 = cut. */
  readonly bits: number
}

/**
 * A program: imports damaged copies of a TorchScript file and uses those that load. Prints one line for each, `ok` or a
 * code. A crash of the library ends this process and not the tests.
 */
const [path, folder, list] = process.argv.slice(2)
const whole = await readFile(path)
const image = noiseImages([1, 48, 64, 3])
for (const { at, bits } of JSON.parse(list) as Damage[]) {
  const bytes = Buffer.from(bits === 0 ? whole.subarray(0, at) : whole)
  if (bits !== 0) bytes[at] ^= bits
  const copy = join(folder, 'damaged.pt')
  await writeFile(copy, bytes)
  console.log(await outcome(copy))
}

async function outcome(copy: string): Promise<string> {
  try {
    const model = await Segmenter.fromTorchScript(copy, { classes: 3, features: 'features' })
    const { labels } = await model.segment(image)
    model.dispose()
    return labels.data.every((label) => label < 3) ? 'ok' : 'labels'
  } catch (error) {
    return error instanceof DenseHybridError ? error.code : String(error)
  }
}
