/** What a pickle of weights is made of. Nothing here is an object of Python: an unknown one has only its name. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | PickleTuple
  | PickleList
  | PickleDict
  | PickleGlobal
  | PickleStorage
  | PickleTensor
  | PickleOpaque

export class PickleTuple {
  readonly items: readonly PickleValue[]
  constructor(items: readonly PickleValue[]) {
    this.items = items
  }
}

export class PickleList {
  readonly items: PickleValue[] = []
}

/** A dict or OrderedDict. Keys that are no number, text or Boolean are told apart by identity. */
export class PickleDict {
  readonly entries = new Map<PickleValue, PickleValue>()
}

/** What calling a global gives. */
export type GlobalMeaning =
  /** `collections.OrderedDict` */
  | { readonly kind: 'dict' }
  /** `torch.Size`: the tuple that it is called with */
  | { readonly kind: 'size' }
  /** Of version 2 the type is that of the storage, of version 3 it is an argument. */
  | { readonly kind: 'tensor'; readonly version: 2 | 3 }
  /** A parameter: the tensor that it is made of, its first argument. `arguments` are how many it takes. */
  | { readonly kind: 'parameter'; readonly arguments: number }
  /** `dtype` is PyTorch's name of the elements; undefined of untyped storage, which is counted in bytes. */
  | { readonly kind: 'storage'; readonly dtype?: string }
  | { readonly kind: 'dtype'; readonly dtype: string }
  /** Harmless, and no weights: whatever it is called with, only its name is kept. */
  | { readonly kind: 'opaque' }

/** A function or class that a pickle refers to by its name. */
export class PickleGlobal {
  /** E.g. `torch._utils._rebuild_tensor_v2`. */
  readonly name: string
  readonly meaning: GlobalMeaning
  constructor(name: string, meaning: GlobalMeaning) {
    this.name = name
    this.meaning = meaning
  }
}

/** A reference to the memory of tensors, which lies in an entry of its own. */
export class PickleStorage {
  /** Name of the entry in the folder `data`. */
  readonly key: string
  /** PyTorch's name of the type of its elements; undefined where it is counted in bytes. */
  readonly dtype: string | undefined
  /** Number of elements. */
  readonly count: number
  constructor(key: string, dtype: string | undefined, count: number) {
    this.key = key
    this.dtype = dtype
    this.count = count
  }
}

/** A tensor as the pickle describes it; whether it fits into its storage is not checked yet. */
export class PickleTensor {
  readonly storage: PickleStorage
  /** PyTorch's name of the type of its elements. */
  readonly dtype: string
  /** Elements of the storage before its first. */
  readonly offset: number
  readonly shape: readonly number[]
  /** Elements between neighbours along each dimension. */
  readonly strides: readonly number[]
  constructor(fields: Pick<PickleTensor, 'storage' | 'dtype' | 'offset' | 'shape' | 'strides'>) {
    this.storage = fields.storage
    this.dtype = fields.dtype
    this.offset = fields.offset
    this.shape = fields.shape
    this.strides = fields.strides
  }
}

/** An object of which nothing but its class is known. */
export class PickleOpaque {
  readonly name: string
  constructor(name: string) {
    this.name = name
  }
}
