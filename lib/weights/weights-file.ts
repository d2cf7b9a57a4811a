import { open } from 'node:fs/promises'
import { extname } from 'node:path'
import { withCancel } from '../binding/cancel.ts'
import type { NativeAddon } from '../binding/native.ts'
import { fileError } from '../data/read-bytes.ts'
import type { Tensor, TypedArray } from '../tensor.ts'
import { checkMemory } from './memory.ts'
import { readPthHeader, readPthTensor } from './pth/read-pth.ts'

/** A tensor of a weight file, without its values. */
export interface StoredTensor {
  /** As in the file. */
  readonly name: string
  /** As safetensors writes it: F32, F16, BF16, I64, … */
  readonly dtype: string
  readonly shape: readonly number[]
}

/** A weight file whose header was read. */
export interface WeightsFile {
  readonly path: string
  readonly format: 'safetensors' | 'pth'
  /** In the file's order. */
  readonly tensors: readonly StoredTensor[]
  /** Of safetensors; else empty. */
  readonly metadata: Readonly<Record<string, string>>
  /** The values of some tensors; F16 and BF16 are widened to float32, BOOL to Uint8Array. */
  read(names: readonly string[]): Promise<Map<string, Tensor<TypedArray>>>
}

const PYTORCH_EXTENSIONS = ['.pth', '.pt', '.bin', '.ckpt']

/**
 * Opens a .safetensors file or a .pth file of PyTorch: what it is decides, not what it is called.
 *
 * @param options.key the entry of a .pth checkpoint that holds the weights; absent: found by itself
 * @throws DenseHybridError NOT_FOUND, INVALID_FILE naming the file; IO where it does not fit into the free memory; ABORTED
 */
export async function openWeightsFile(
  native: NativeAddon,
  path: string,
  options: { key?: string; signal?: AbortSignal } = {},
): Promise<WeightsFile> {
  const { signal } = options
  const { isArchive, isSafetensors, size } = await look(path)
  checkMemory(path, size)
  const pytorch = PYTORCH_EXTENSIONS.includes(extname(path).toLowerCase())
  if (isArchive || (pytorch && !isSafetensors)) return openPth(path, options)
  const { tensors, metadata } = await withCancel(signal, () => native.readSafetensorsHeader(path))
  return {
    path,
    format: 'safetensors',
    tensors: Object.entries(tensors).map(([name, tensor]) => ({ name, ...tensor })),
    metadata,
    read: async (names) => {
      const all = (await withCancel(signal, () => native.readSafetensors(path))).tensors
      return new Map(names.map((name) => [name, all[name]]))
    },
  }
}

async function openPth(path: string, options: { key?: string; signal?: AbortSignal }): Promise<WeightsFile> {
  const stored = await readPthHeader(path, options)
  const byName = new Map(stored.map((one) => [one.name, one]))
  const { signal } = options
  return {
    path,
    format: 'pth',
    tensors: stored,
    metadata: {},
    read: async (names) => {
      const values = new Map<string, Tensor<TypedArray>>()
      for (const name of names) {
        const one = byName.get(name)
        if (one !== undefined) values.set(name, await readPthTensor(path, one, { ...(signal && { signal }) }))
      }
      return values
    },
  }
}

/** The first bytes of both formats: a ZIP archive; a length, then JSON. */
async function look(path: string): Promise<{ isArchive: boolean; isSafetensors: boolean; size: number }> {
  try {
    const handle = await open(path)
    try {
      const bytes = Buffer.alloc(9)
      const { bytesRead } = await handle.read(bytes, 0, 9, 0)
      const { size } = await handle.stat()
      const start = bytes.toString('latin1', 0, bytesRead)
      return { isArchive: start.startsWith('PK\x03\x04'), isSafetensors: start[8] === '{', size }
    } finally {
      await handle.close()
    }
  } catch (error) {
    throw fileError(path, error)
  }
}
