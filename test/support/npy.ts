import { readFileSync } from 'node:fs'
import { parse } from 'npyjs'
import type { Tensor } from '../../lib/tensor.ts'

/** An .npy file of a reference case: uint8, float32, float64, or float16 widened to float32; C order. */
export function readNpy(path: string): Tensor<Uint8Array | Float32Array | Float64Array> {
  const file = readFileSync(path)
  const bytes = file.buffer.slice(file.byteOffset, file.byteOffset + file.byteLength) as ArrayBuffer
  const { data, shape, fortranOrder, dtype } = parse(bytes)
  const known = data instanceof Uint8Array || data instanceof Float32Array || data instanceof Float64Array
  if (!known || fortranOrder)
    throw new Error(`${path}: unexpected ${dtype}${fortranOrder ? ', Fortran order' : ''}`)
  return { data, shape }
}

/** Labels or masks. */
export function readNpyLabels(path: string): Tensor<Uint8Array> {
  const { data, shape } = readNpy(path)
  if (!(data instanceof Uint8Array)) throw new Error(`${path}: expected uint8`)
  return { data, shape }
}

/** Scores or logits. */
export function readNpyScores(path: string): Tensor<Float32Array> {
  const { data, shape } = readNpy(path)
  if (!(data instanceof Float32Array)) throw new Error(`${path}: expected float16 or float32`)
  return { data, shape }
}
