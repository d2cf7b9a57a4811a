import { DTYPES, OTHER_DTYPES, STORAGE_TYPES } from './dtypes.ts'
import type { GlobalMeaning } from './pickle-values.ts'

/**
 * Beside weights, checkpoints hold settings and measurements. These objects hold data only; they are passed over. The
 * two spellings of modules are those of Python 2 (protocol 2) and 3, and of numpy 1 and 2.
 */
const OPAQUE = [
  'argparse.Namespace',
  'builtins.set',
  '__builtin__.set',
  'builtins.complex',
  '__builtin__.complex',
  '_codecs.encode',
  'collections.Counter',
  'numpy.dtype',
  'numpy.ndarray',
  'numpy.core.multiarray.scalar',
  'numpy._core.multiarray.scalar',
  'numpy.core.multiarray._reconstruct',
  'numpy._core.multiarray._reconstruct',
  'pathlib.PosixPath',
  'pathlib.WindowsPath',
  'torch.device',
]

/** All that a pickle may name; whatever else it names is refused. */
const GLOBALS = new Map<string, GlobalMeaning>([
  ['collections.OrderedDict', { kind: 'dict' }],
  ['torch.Size', { kind: 'size' }],
  ['torch._utils._rebuild_tensor_v2', { kind: 'tensor', version: 2 }],
  ['torch._utils._rebuild_tensor_v3', { kind: 'tensor', version: 3 }],
  ['torch._utils._rebuild_parameter', { kind: 'parameter', arguments: 3 }],
  ['torch._utils._rebuild_parameter_with_state', { kind: 'parameter', arguments: 4 }],
  ['torch.storage.UntypedStorage', { kind: 'storage' }],
  ...Object.entries(STORAGE_TYPES).map(([name, dtype]): [string, GlobalMeaning] => [
    `torch.${name}`,
    { kind: 'storage', dtype },
  ]),
  ...[...Object.values(DTYPES).map(({ torch }) => torch), ...OTHER_DTYPES].map(
    (dtype): [string, GlobalMeaning] => [`torch.${dtype}`, { kind: 'dtype', dtype }],
  ),
  ...OPAQUE.map((name): [string, GlobalMeaning] => [name, { kind: 'opaque' }]),
])

/** What a global stands for; `undefined` for one that is not allowed. */
export function meaningOf(name: string): GlobalMeaning | undefined {
  return GLOBALS.get(name)
}
