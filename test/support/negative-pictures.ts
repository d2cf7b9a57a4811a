import { type Dataset, IGNORE_LABEL, type Sample } from '../../lib/data/dataset.ts'
import { type RealNegativesOptions, real } from '../../lib/negatives/real.ts'
import type { Negative } from '../../lib/negatives/types.ts'
import { random } from '../../lib/random.ts'
import { tensor } from '../../lib/tensor.ts'
import { datasetOf } from './encoded-pictures.ts'

export const SIDE = 64
export const CLASSES = ['zebra', 'person', 'cup', 'car', 'apple', 'boat']

/**
 * 64×64 pixels: four 24×24 objects (instances 1 … 4) of the given labels in the corners of a 56×56 field, the rest without
 * a class; with `crowd`, the last 8 rows are a crowd. The red channel encodes the label, green the image, blue crowds.
 */
export function picture(index: number, objects: readonly number[], crowd = false): Sample {
  const shape = [SIDE, SIDE]
  const labels = tensor(new Uint8Array(SIDE * SIDE).fill(IGNORE_LABEL), shape)
  const instances = tensor(new Uint8Array(SIDE * SIDE), shape)
  const image = tensor(new Uint8Array(SIDE * SIDE * 3), [...shape, 3])
  for (let y = 0, i = 0; y < SIDE; y++) {
    for (let x = 0; x < SIDE; x++, i++) {
      const [row, column] = [Math.floor(y / 28), Math.floor(x / 28)]
      const object = y % 28 < 24 && x % 28 < 24 && row < 2 && column < 2 ? row * 2 + column : -1
      if (object >= 0 && object < objects.length) {
        labels.data[i] = objects[object]
        instances.data[i] = object + 1
      }
      if (crowd && y >= 56) instances.data[i] = 255
      const red = labels.data[i] === IGNORE_LABEL ? 250 : 20 + 30 * labels.data[i]
      image.data.set([red, index * 10, instances.data[i] === 255 ? 200 : 0], i * 3)
    }
  }
  return { id: `n${index}`, image, labels, instances }
}

export const pictures = Array.from({ length: 12 }, (_, k) =>
  picture(k, [0, 1, 2, 3, 4, 5].slice(k % 3, (k % 3) + 4), true),
)
export const toys = () => datasetOf(pictures, CLASSES, 'toys')
export const target = { height: 128, width: 160 }

/** What the pasted pixels of a negative that was not resized show. */
export function shown({ image, mask }: Negative) {
  const found = { labels: new Set<number>(), images: new Set<number>(), crowd: false }
  for (let i = 0; i < mask.data.length; i++) {
    if (mask.data[i] === 0) continue
    const red = image.data[i * 3]
    found.labels.add(red === 250 ? IGNORE_LABEL : (red - 20) / 30)
    found.images.add(image.data[i * 3 + 1] / 10)
    if (image.data[i * 3 + 2] === 200) found.crowd = true
  }
  return found
}

/** Negatives of the streams with seeds 0 … count − 1. */
export async function draw(dataset: Dataset, options: RealNegativesOptions, count: number, size = target) {
  const source = real(dataset, options)
  const negatives: Negative[] = []
  for (let seed = 0; seed < count; seed++) negatives.push(await source.sample(random(seed), size))
  return negatives
}

export const area = (negative: Negative) => negative.mask.data.reduce((sum, value) => sum + value, 0)
export const labelOf = (name: string) => CLASSES.indexOf(name)
