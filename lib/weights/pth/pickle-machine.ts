import { meaningOf } from './pickle-globals.ts'
import { checkedTensor } from './pickle-tensor.ts'
import {
  PickleDict,
  PickleGlobal,
  PickleList,
  PickleOpaque,
  PickleStorage,
  PickleTensor,
  PickleTuple,
  type PickleValue,
} from './pickle-values.ts'
import { damaged, refused } from './pth-error.ts'

/** Values that a pickle may make, and places of its memo, together. Checkpoints of the largest networks have 100 000. */
const MAX_VALUES = 1_000_000
/** Marks that may be open at a time: each level of nesting has one. */
const MAX_DEPTH = 1000

/** The stack and the memo on which the opcodes of a pickle work. */
export class PickleMachine {
  readonly #path: string
  readonly #stack: PickleValue[] = []
  /** Heights of the stack at the open marks. */
  readonly #marks: number[] = []
  readonly #memo = new Map<number, PickleValue>()
  #made = 0

  constructor(path: string) {
    this.#path = path
  }

  /** What is left at the end. */
  result(): PickleValue {
    if (this.#stack.length !== 1 || this.#marks.length > 0) throw this.#wrong('it ends with values left over')
    return this.#stack[0]
  }

  push(value: PickleValue): void {
    this.#count()
    this.#stack.push(value)
  }

  /** @param length absent: what lies above the mark */
  pushTuple(length?: number): void {
    this.push(new PickleTuple(this.#popMany(length)))
  }

  mark(): void {
    if (this.#marks.length >= MAX_DEPTH) throw this.#wrong(`it nests deeper than ${MAX_DEPTH} levels`)
    this.#marks.push(this.#stack.length)
  }

  /** @param length absent: what lies above the mark */
  append(length?: number): void {
    const items = this.#popMany(length)
    const list = this.#top()
    if (!(list instanceof PickleList)) throw this.#wrong('it appends to what is no list')
    for (const item of items) list.items.push(item)
  }

  /** @param length absent: what lies above the mark */
  setItems(length?: number): void {
    const items = this.#popMany(length)
    const dict = this.#top()
    if (!(dict instanceof PickleDict) || items.length % 2 !== 0)
      throw this.#wrong('it sets items of what is no dict')
    for (let i = 0; i < items.length; i += 2) {
      const key = items[i]
      if (key instanceof PickleDict || key instanceof PickleList)
        throw this.#wrong('a dict or list is a key in it')
      dict.entries.set(key, items[i + 1])
    }
  }

  /** @param place absent: the next one */
  memoize(place?: number): void {
    this.#count()
    this.#memo.set(place ?? this.#memo.size, this.#top())
  }

  recall(place: number): void {
    const value = this.#memo.get(place)
    if (value === undefined) throw this.#wrong(`it refers to place ${place} of its memo, which is empty`)
    this.push(value)
  }

  pushStackGlobal(): void {
    const [module, name] = this.#popMany(2)
    if (typeof module !== 'string' || typeof name !== 'string')
      throw this.#wrong('the name of a global is no text')
    this.pushGlobal(module, name)
  }

  pushGlobal(module: string, name: string): void {
    const full = `${module}.${name}`
    const meaning = meaningOf(full)
    if (meaning === undefined) throw forbidden(this.#path, full)
    this.push(new PickleGlobal(full, meaning))
  }

  /** A storage, from the tuple ('storage', type, key, location, number of elements). */
  pushStorage(): void {
    const [tuple] = this.#popMany(1)
    const [label, type, key, , count, ...more] = tuple instanceof PickleTuple ? tuple.items : []
    if (
      label !== 'storage' ||
      !(type instanceof PickleGlobal && type.meaning.kind === 'storage') ||
      typeof key !== 'string' ||
      !isCount(count) ||
      more.some((item) => item !== null)
    ) {
      throw this.#wrong('it refers to a storage in an unknown way')
    }
    this.push(new PickleStorage(key, type.meaning.dtype, count))
  }

  /** Calls a global with a tuple of arguments: what it would give is put together here. */
  call(): void {
    const [callee, tuple] = this.#popMany(2)
    if (!(callee instanceof PickleGlobal && tuple instanceof PickleTuple)) {
      throw this.#wrong('it calls what is no function')
    }
    this.push(this.#resultOf(callee, tuple.items))
  }

  /** Attributes that an object gets after it was made are of no use here. */
  setState(): void {
    this.#popMany(1)
    const target = this.#top()
    if (!(target instanceof PickleDict || target instanceof PickleOpaque)) {
      throw this.#wrong('it sets attributes of what has none')
    }
  }

  #resultOf({ name, meaning }: PickleGlobal, args: readonly PickleValue[]): PickleValue {
    const wrong = () => this.#wrong(`${name} is called with arguments that PyTorch does not give it`)
    switch (meaning.kind) {
      case 'opaque':
        return new PickleOpaque(name)
      case 'dict':
        if (args.length > 0) throw wrong()
        return new PickleDict()
      case 'size':
        if (args.length !== 1 || !(args[0] instanceof PickleTuple)) throw wrong()
        return args[0]
      case 'parameter':
        if (args.length !== meaning.arguments || !(args[0] instanceof PickleTensor)) throw wrong()
        return args[0]
      case 'tensor': {
        const tensor = checkedTensor(meaning.version, args)
        if (tensor === undefined) throw wrong()
        return tensor
      }
      default:
        throw wrong()
    }
  }

  #top(): PickleValue {
    if (this.#stack.length <= this.#floor()) throw this.#wrong('it takes a value where there is none')
    return this.#stack[this.#stack.length - 1]
  }

  /** Nothing below the last mark can be reached. */
  #floor(): number {
    return this.#marks[this.#marks.length - 1] ?? 0
  }

  #popMany(length: number | undefined): PickleValue[] {
    if (length === undefined) {
      const mark = this.#marks.pop()
      if (mark === undefined) throw this.#wrong('it closes what it did not open')
      return this.#stack.splice(mark)
    }
    if (this.#stack.length - length < this.#floor()) throw this.#wrong('it takes a value where there is none')
    return this.#stack.splice(this.#stack.length - length)
  }

  #count(): void {
    if (++this.#made > MAX_VALUES) throw this.#wrong(`it has more than ${MAX_VALUES} values`)
  }

  #wrong(reason: string): Error {
    return damaged(this.#path, `its pickle cannot be read: ${reason}`)
  }
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

/** Classes are written with a capital: such a file holds an object, often a whole network. */
function forbidden(path: string, name: string): Error {
  const isClass = /(^|\.)[A-Z]\w*$/.test(name)
  if (!isClass) {
    return refused(
      path,
      `asks to call ${name}, which is not allowed in a file of weights`,
      'Nothing was executed. Do not open the file in Python unless you trust where it comes from.',
    )
  }
  return refused(
    path,
    `holds an object of the class ${name}, not only weights`,
    "Nothing was executed. Save the weights alone, in Python: torch.save(model.state_dict(), 'weights.pth').",
  )
}
