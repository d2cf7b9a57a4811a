import sharp from 'sharp'

/** Size of the pictures in fixture trees. */
export const SIZE: Readonly<{ width: number; height: number }> = { width: 64, height: 48 }

/** A small photo-like picture: a gradient with noise, the same for the same seed. */
export function picture(seed: number, format: 'png' | 'jpeg' | 'webp' = 'png', size = SIZE): Promise<Buffer> {
  const { width, height } = size
  let state = seed + 1
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return ((i / 3) % width) * 2 + (state >>> 28) + 40 * (i % 3)
  })
  return sharp(data, { raw: { width, height, channels: 3 } })
    .toFormat(format)
    .toBuffer()
}

/** A label PNG of vertical stripes: each value covers as many columns as the others. */
export function stripes(values: readonly number[], size = SIZE): Promise<Buffer> {
  const { width, height } = size
  const data = Uint8Array.from(
    { length: width * height },
    (_, i) => values[Math.floor(((i % width) * values.length) / width)],
  )
  return sharp(data, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer()
}
