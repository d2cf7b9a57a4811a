import { elementCount, type Tensor, type TypedArray, tensor } from '../../lib/tensor.ts'

/**
 * What reference files keep of activations: the first channels and the mean of every channel.
 *
 * @param names of the outputs that a case checks, e.g. `probe.mod2.ch0_8`, `probe.mod2.chan_mean`
 * @param probes activations N×C×h×w by name, e.g. `probe.mod2`
 */
export function probeOutputs(
  names: readonly string[],
  probes: Readonly<Record<string, Tensor>>,
): Record<string, Tensor<TypedArray>> {
  const outputs: Record<string, Tensor<TypedArray>> = {}
  for (const name of names) {
    const match = /^(probe\..+)\.(?:ch0_(\d+)|(chan_mean))$/.exec(name)
    const probe = match === null ? undefined : probes[match[1]]
    if (match === null || probe === undefined) continue
    outputs[name] = match[3] === undefined ? firstChannels(probe, Number(match[2])) : channelMeans(probe)
  }
  return outputs
}

/** The first channels of N×C×h×w. */
function firstChannels({ data, shape }: Tensor, channels: number): Tensor {
  const [n, c, h, w] = shape
  const part = channels * h * w
  const output = new Float32Array(n * part)
  for (let image = 0; image < n; image++) {
    output.set(data.subarray(image * c * h * w, image * c * h * w + part), image * part)
  }
  return tensor(output, [n, channels, h, w])
}

/** Mean of every channel over N, h and w. */
function channelMeans({ data, shape }: Tensor): Tensor<Float64Array> {
  const [, c, h, w] = shape
  const sums = new Float64Array(c)
  data.forEach((value, i) => {
    sums[Math.floor(i / (h * w)) % c] += value
  })
  return tensor(
    sums.map((sum) => (sum * c) / elementCount(shape)),
    [c],
  )
}
