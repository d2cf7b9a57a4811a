/**
 * Cuts the small subset of reference values that is kept with the tests, so that parity is proven without the full
 * folder: `node --import=tsx test/golden/make-fixtures.ts`, with DENSEHYBRID_SHARED naming the folder that holds
 * `golden/` (default ../shared). Whole batches are cut to one image where images do not depend on each other, outputs
 * that say little more are dropped together with their checks, and small integers are stored in one byte.
 */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { type Tensor, type TypedArray, tensor } from '../../lib/tensor.ts'
import { findCases, type GoldenCase, loadTensors } from './find-cases.ts'
import { storedType, writeReference } from './safetensors.ts'
import type { WeightEntry } from './weight-rule.ts'

type Tensors = Record<string, Tensor<TypedArray>>

/** What is kept of a case. */
interface Cut {
  label: string
  /** Tensors left out, with their checks. */
  drop?: RegExp
  /** The only image of the batch that is kept. */
  image?: number
  /** Number of channels kept of N×C×H×W tensors. */
  channels?: number
}

const SELECTION: readonly Cut[] = [
  { label: 'flow_denseflow_repo/full_flow' },
  { label: 'flow_denseflow_repo/nystrom_attention' },
  { label: 'flow_denseflow_repo/variational_dequantization' },
  { label: 'flow_layers/actnorm' },
  { label: 'flow_layers/conv1x1' },
  { label: 'flow_layers/conv_normal2d' },
  { label: 'flow_layers/coupling_odd_c7' },
  { label: 'flow_layers/cross_unit_augmentation' },
  { label: 'flow_layers/gated_conv' },
  { label: 'flow_layers/invertible_transition' },
  { label: 'flow_layers/squeeze2d' },
  { label: 'flow_layers/switch_channels' },
  { label: 'flow_layers/uniform_dequantization' },
  { label: 'flow_rule/overrides' },
  { label: 'flow_rule/sample' },
  { label: 'hybrid_loss/all_ignored', drop: /_f64$/ },
  { label: 'hybrid_loss/ignored_or_negative_only', drop: /^grad.*_f64$/ },
  { label: 'hybrid_loss/lowres_8x16_to_32x64_acF', drop: /^grad_logits(_ood)?$/ },
  {
    label: 'hybrid_score/k12_extreme_10x14_to_37x55_acF',
    drop: /^(s_H_official|s_energy|s_msp|posterior_out)$/,
  },
  { label: 'jsd/empty_mask_k12' },
  { label: 'jsd/extreme_k12' },
  { label: 'jsd/lowres_k19_9x12_to_33x47' },
  {
    label: 'ladder_densenet121/rule_in96x128_b2',
    drop: /^(logits(_ood)?|score|.*chan_mean|probe\.(skip[01]|ups).*)$/,
    image: 0,
  },
  { label: 'lr_schedule/hybrid_finetune_dlv3' },
  { label: 'lr_schedule/hybrid_finetune_ldn121' },
  { label: 'pasting/mask_building' },
  { label: 'pasting/rect_full_window', image: 1, channels: 1 },
  { label: 'pasting/shape_rule' },
  {
    label: 'torchvision_classifiers/resnet18',
    drop: /^probe\.(maxpool|layer1|layer2)\.|chan_mean/,
    image: 0,
  },
]

/** Fields of a case that only inform a reader of the full folder. */
const UNUSED_FIELDS = ['rule_test_vectors', 'weights_rule', 'range', 'probes', 'formula_source', 'set']

/** Writes the subset of `source` below `target`, which is emptied first; the number of bytes written. */
export async function makeFixtures(source: string, target: string): Promise<number> {
  const cases = new Map((await findCases(source)).map((golden) => [golden.label, golden]))
  await rm(target, { recursive: true, force: true })
  let bytes = 0
  for (const cut of SELECTION) {
    const golden = cases.get(cut.label)
    if (golden === undefined || 'reason' in golden) throw new Error(`${source} has no case ${cut.label}`)
    bytes += await writeCut(golden, cut, join(target, cut.label))
  }
  return bytes
}

async function writeCut(golden: GoldenCase, cut: Cut, base: string): Promise<number> {
  const { description } = golden
  const tensors: Tensors = {}
  for (const [name, full] of Object.entries(await loadTensors(golden))) {
    if (cut.drop?.test(name)) continue
    tensors[name] = narrowed(cutChannels(cutBatch(full, cut.image), cut.channels))
  }
  const kept = Object.fromEntries(
    Object.entries(description.checks).filter(([name]) => tensors[name] !== undefined),
  )
  const shapes = Object.entries(tensors).map(([name, { data, shape }]) => [
    name,
    { dtype: storedType(data), shape },
  ])
  const json: Record<string, unknown> = { ...description, tensors: Object.fromEntries(shapes), checks: kept }
  for (const field of UNUSED_FIELDS) delete json[field]
  if (Array.isArray(description.weights)) {
    // fan_in and s_hex follow from shape and gain, and the checksum proves the result.
    json.weights = description.weights.map(({ name, shape, kind, gain, sha256_16 }: WeightEntry) => ({
      name,
      shape,
      kind,
      ...(gain === undefined ? {} : { gain }),
      ...(kind === 'matrix' ? { sha256_16 } : {}),
    }))
  }
  await mkdir(dirname(base), { recursive: true })
  const text = `${JSON.stringify(json)}\n`
  await writeFile(`${base}.json`, text)
  if (Object.keys(tensors).length === 0) return text.length
  return text.length + (await writeReference(`${base}.safetensors`, tensors))
}

function cutBatch({ data, shape }: Tensor<TypedArray>, image: number | undefined): Tensor<TypedArray> {
  if (image === undefined) return { data, shape }
  const size = data.length / shape[0]
  return tensor(data.slice(image * size, (image + 1) * size), [1, ...shape.slice(1)])
}

function cutChannels({ data, shape }: Tensor<TypedArray>, channels: number | undefined): Tensor<TypedArray> {
  if (channels === undefined || shape.length !== 4) return { data, shape }
  if (shape[0] !== 1) throw new Error('channels can only be cut from single images')
  return tensor(data.slice(0, (data.length / shape[1]) * channels), [1, channels, ...shape.slice(2)])
}

/** Int32 whose values fit into a byte, as bytes. */
function narrowed({ data, shape }: Tensor<TypedArray>): Tensor<TypedArray> {
  const fits = data instanceof Int32Array && data.every((value) => value >= 0 && value <= 255)
  return tensor(fits ? Uint8Array.from(data as Int32Array) : data, shape)
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const source = join(process.env.DENSEHYBRID_SHARED ?? '../shared', 'golden')
  const bytes = await makeFixtures(source, 'test/fixtures/golden')
  console.log(`test/fixtures/golden: ${SELECTION.length} cases, ${Math.round(bytes / 1024)} kB`)
}
