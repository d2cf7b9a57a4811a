import * as hdf5 from 'h5wasm'
import { widenHalf } from '../../float16.ts'

/** The dataset that holds the score map. */
const DATASET = 'value'
/** Where the file lies in the memory of the HDF5 library. */
const PLACE = '/map.hdf5'
/** More is a damaged header, or too much for the library's memory. */
const MAX_VALUES = 2 ** 28
/** Properties of IEEE binary16 in a datatype message: bit offset, precision, exponent, fraction, bias. */
const HALF_PROPERTIES = Buffer.from([0, 0, 16, 0, 10, 5, 0, 10, 15, 0, 0, 0])

/** Values of the dataset `value` as they are stored; float16 is widened. */
export interface DecodedHdf5 {
  readonly values: Float32Array<ArrayBuffer> | Float64Array<ArrayBuffer>
  readonly shape: readonly number[]
  /** Bytes of a stored value: 2, 4 or 8. */
  readonly size: number
}

/** Loads the library; once is enough. */
export async function loadHdf5(): Promise<void> {
  const library = await hdf5.ready
  // Otherwise errors are printed and reading goes on.
  library.activate_throwing_error_handler()
}

/**
 * Decodes the dataset `value` of an HDF5 file. After an error the library may still hold what it had opened: use it no
 * more.
 *
 * @throws Error with the reason in one line
 */
export function decodeHdf5(bytes: Uint8Array): DecodedHdf5 {
  const { FS } = hdf5.Module
  try {
    FS.writeFile(PLACE, bytes)
    const file = new hdf5.File(PLACE, 'r')
    try {
      return readDataset(file, bytes)
    } finally {
      file.close()
    }
  } catch (error) {
    throw new Error(reasonOf(error))
  } finally {
    FS.unlink(PLACE)
  }
}

function readDataset(file: hdf5.File, bytes: Uint8Array): DecodedHdf5 {
  const names = file.keys()
  if (!names.includes(DATASET)) {
    throw new Error(`it holds ${names.slice(0, 5).join(', ') || 'nothing'}, no dataset named ${DATASET}`)
  }
  const dataset = file.get(DATASET)
  if (!(dataset instanceof hdf5.Dataset)) throw new Error(`its ${DATASET} is no dataset`)
  const { shape, type, size, total_size: count, virtual_sources: sources } = dataset.metadata
  if (shape === null || shape.length === 0) throw new Error('its dataset has no shape')
  if (type !== hdf5.Module.H5T_class_t.H5T_FLOAT.value || ![2, 4, 8].includes(size)) {
    throw new Error(`its type is ${String(dataset.dtype)}; scores are float16, float32 or float64`)
  }
  if (size === 2 && !Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(HALF_PROPERTIES)) {
    throw new Error('its 2-byte numbers are not IEEE float16')
  }
  if (sources !== undefined && sources.length > 0) throw new Error('its values lie in other files')
  if (count < 1 || count > MAX_VALUES) throw new Error(`its shape is ${shape.join('×')}`)
  const raw = readRaw(file, count * size)
  const values =
    size === 2 ? widenHalf(new Uint16Array(raw)) : size === 4 ? new Float32Array(raw) : new Float64Array(raw)
  return { values: values as DecodedHdf5['values'], shape, size }
}

/** The values as little-endian bytes. The library's own accessors do not know float16. */
function readRaw(file: hdf5.File, length: number): ArrayBuffer {
  const library = hdf5.Module as typeof hdf5.Module & { HEAPU8: Uint8Array }
  const at = library._malloc(length)
  if (at === 0) throw new Error(`there is no memory for its ${length} bytes`)
  try {
    library.get_dataset_data(file.file_id, `/${DATASET}`, null, null, null, BigInt(at))
    return new Uint8Array(library.HEAPU8.subarray(at, at + length)).buffer
  } finally {
    library._free(at)
  }
}

/** One line from an error of the library, whose last numbered line is the cause. */
function reasonOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  const traced = message.split('\n').filter((line) => /^\s*#\d+:/.test(line))
  return traced.at(-1)?.replace(/^.*?\(\): /, '') ?? message.split('\n')[0]
}
