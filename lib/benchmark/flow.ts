import { loadNative } from '../binding/load.ts'
import type { NativeFlowConfig } from '../binding/native.ts'
import { DenseFlow, insideOfFlow } from '../dense-flow.ts'
import { DenseHybridError } from '../errors.ts'
import { random } from '../random.ts'
import { elementCount, type Tensor, tensor } from '../tensor.ts'
import { type BenchmarkSetting, defineBenchmark } from './benchmark.ts'
import { imageNoise, logitNoise } from './noise.ts'

interface FlowParameters {
  architecture: string
  batch: number
  size: readonly [number, number]
}

const DEFAULTS: FlowParameters = { architecture: 'denseflow-tiny', batch: 4, size: [64, 64] }
// Those that bench/competitors/flow.py knows.
const architectures = () =>
  loadNative()
    .flowArchitectures()
    .filter(({ attention, variational }) => !attention && !variational)
    .map(({ architecture }) => architecture)

/** An initialised flow whose couplings do something: the last layers of a new one are 0, here they are small noise. */
async function createFlow({ architecture }: FlowParameters, device = 'cpu'): Promise<DenseFlow> {
  const flow = await DenseFlow.create({ architecture, device })
  await flow.initialise(imageNoise(2, [32, 32]))
  const native = insideOfFlow(flow)
  const last = native.tensorNames().filter((name) => /\.transform(ation)?\.2\.weight$/.test(name))
  const weights = Object.entries(await native.tensors(last)).map(([name, { shape }], i) => {
    const noise = logitNoise(shape, i).data.map((value) => value / 400)
    return [name, tensor(noise, [...shape])]
  })
  await native.loadTensors(Object.fromEntries(weights), { strict: false })
  return flow
}

/** Flows run in float32 alone. */
function checkPrecision({ precision }: BenchmarkSetting): void {
  if (precision === 'float32') return
  throw new DenseHybridError(
    'INVALID_ARGUMENT',
    `Expected fp32 for the precision of a flow but received ${precision}.`,
  )
}

/** The channels that enter every dense block, and those that reach the base. */
function channelsOf({ units, growth }: NativeFlowConfig): { blocks: number[]; base: number } {
  const blocks: number[] = []
  let channels = 12
  for (const count of units) {
    blocks.push(channels)
    channels = 2 * (channels + growth * (count - 1))
  }
  return { blocks, base: channels / 2 }
}

const configOf = (name: string) =>
  loadNative()
    .flowArchitectures()
    .find(({ architecture }) => architecture === name) as NativeFlowConfig

function normal(shape: readonly number[], seed: number): Tensor {
  return tensor(
    logitNoise(shape, seed).data.map((value) => value / 4),
    shape,
  )
}

/** Draws by name, in the order in which a pass asks for them. */
function named(draws: readonly Tensor[]): Record<string, Tensor> {
  return Object.fromEntries(draws.map((draw, i) => [`draw${String(i).padStart(2, '0')}`, draw]))
}

const drawsOf = (inputs: Record<string, Tensor<Uint8Array> | Tensor>) =>
  Object.keys(inputs)
    .filter((name) => name.startsWith('draw'))
    .sort()
    .map((name) => inputs[name] as Tensor)

/** ln p(x) of noise patches. */
export const flowLogProbBenchmark = defineBenchmark({
  name: 'flow-log-prob',
  defaults: DEFAULTS,
  network: true,
  architectures,
  inputs({ architecture, batch, size: [height, width] }) {
    const { units, growth } = configOf(architecture)
    const shape = [batch, 3, height, width]
    const stream = random(3)
    const uniform = tensor(
      Float32Array.from({ length: elementCount(shape) }, () => stream.uniform()),
      shape,
    )
    const noise = units.flatMap((count, b) =>
      Array.from({ length: count - 1 }, (_, u) => {
        const stride = 2 ** (b + 1)
        return normal([batch, growth, height / stride, width / stride], 10 * b + u + 4)
      }),
    )
    return {
      patches: imageNoise(batch, [height, width]) as Tensor<Uint8Array> | Tensor,
      ...named([uniform, ...noise]),
    }
  },
  async prepare(parameters, inputs, setting) {
    checkPrecision(setting)
    const flow = await createFlow(parameters, setting.device)
    const patches = inputs.patches as Tensor<Uint8Array>
    return {
      run: () => insideOfFlow(flow).logProb(patches, { draws: drawsOf(inputs) }),
      dispose: () => flow.dispose(),
    }
  },
  saveWeights: async (parameters, path) => saveFlow(await createFlow(parameters), path),
})

/** Continuous samples. */
export const flowSampleBenchmark = defineBenchmark({
  name: 'flow-sample',
  defaults: DEFAULTS,
  network: true,
  architectures,
  inputs({ architecture, batch, size: [height, width] }) {
    const config = configOf(architecture)
    const { blocks, base } = channelsOf(config)
    const at = (channels: number, stride: number) => [batch, channels, height / stride, width / stride]
    const deepest = blocks.length
    // The base, then what left at the transitions, the deepest first.
    const shapes = [at(base, 2 ** deepest)]
    for (let b = deepest - 1; b > 0; b--) shapes.push(at(blocks[b], 2 ** (b + 1)))
    return named(shapes.map((shape, i) => normal(shape, i + 1)))
  },
  async prepare(parameters, inputs, setting) {
    checkPrecision(setting)
    const flow = await createFlow(parameters, setting.device)
    const [height, width] = parameters.size
    const options = { n: parameters.batch, height, width, continuous: true, draws: drawsOf(inputs) }
    return { run: () => insideOfFlow(flow).sample(options), dispose: () => flow.dispose() }
  },
  saveWeights: async (parameters, path) => saveFlow(await createFlow(parameters), path),
})

async function saveFlow(flow: DenseFlow, path: string): Promise<void> {
  await flow.save(path)
  flow.dispose()
}
