import type { DenseHybridError } from '../../errors.ts'
import { OPCODE_NAMES, Opcode } from './opcodes.ts'
import { PickleMachine } from './pickle-machine.ts'
import { PickleDict, PickleList, type PickleValue } from './pickle-values.ts'
import { damaged, refused } from './pth-error.ts'

/**
 * Reads a pickle as torch.save writes it for weights (protocols 2 to 5). It is never executed: of the format's opcodes
 * only those are known that build numbers, texts, tuples, lists, dicts and tensors, and of Python's functions and classes
 * only those of the list in pickle-globals.ts, whose effect is imitated.
 *
 * @param path the file that it comes from, for messages
 * @throws DenseHybridError INVALID_FILE naming the opcode, function or class that is refused, or where the pickle is
 * damaged, nests too deep or holds too many values
 */
export function unpickle(path: string, bytes: Buffer): PickleValue {
  const reader = new PickleReader(path, bytes)
  const machine = new PickleMachine(path)
  for (;;) {
    const opcode = reader.byte()
    if (opcode === Opcode.STOP) return machine.result()
    const step = STEPS.get(opcode)
    if (step === undefined) throw unknownOpcode(path, opcode)
    step(machine, reader)
  }
}

type Step = (machine: PickleMachine, reader: PickleReader) => void

/** What each opcode does. Protocol and frames make no difference to bytes that are in memory. */
const STEPS = new Map<number, Step>([
  [Opcode.PROTO, (_, reader) => reader.take(1)],
  [Opcode.FRAME, (_, reader) => reader.take(8)],
  [Opcode.MARK, (machine) => machine.mark()],
  [Opcode.NONE, (machine) => machine.push(null)],
  [Opcode.NEWTRUE, (machine) => machine.push(true)],
  [Opcode.NEWFALSE, (machine) => machine.push(false)],
  [Opcode.BININT, (machine, reader) => machine.push(reader.take(4).readInt32LE())],
  [Opcode.BININT1, (machine, reader) => machine.push(reader.byte())],
  [Opcode.BININT2, (machine, reader) => machine.push(reader.take(2).readUInt16LE())],
  [Opcode.LONG1, (machine, reader) => machine.push(wholeNumber(reader.take(reader.byte())))],
  [Opcode.BINFLOAT, (machine, reader) => machine.push(reader.take(8).readDoubleBE())],
  [Opcode.SHORT_BINUNICODE, (machine, reader) => machine.push(reader.text(reader.byte()))],
  [Opcode.BINUNICODE, (machine, reader) => machine.push(reader.text(reader.length32()))],
  [Opcode.BINUNICODE8, (machine, reader) => machine.push(reader.text(reader.length64()))],
  [Opcode.SHORT_BINBYTES, (machine, reader) => machine.push(reader.take(reader.byte()))],
  [Opcode.BINBYTES, (machine, reader) => machine.push(reader.take(reader.length32()))],
  [Opcode.BINBYTES8, (machine, reader) => machine.push(reader.take(reader.length64()))],
  [Opcode.EMPTY_LIST, (machine) => machine.push(new PickleList())],
  [Opcode.EMPTY_DICT, (machine) => machine.push(new PickleDict())],
  [Opcode.EMPTY_TUPLE, (machine) => machine.pushTuple(0)],
  [Opcode.TUPLE1, (machine) => machine.pushTuple(1)],
  [Opcode.TUPLE2, (machine) => machine.pushTuple(2)],
  [Opcode.TUPLE3, (machine) => machine.pushTuple(3)],
  [Opcode.TUPLE, (machine) => machine.pushTuple()],
  [Opcode.APPEND, (machine) => machine.append(1)],
  [Opcode.APPENDS, (machine) => machine.append()],
  [Opcode.SETITEM, (machine) => machine.setItems(2)],
  [Opcode.SETITEMS, (machine) => machine.setItems()],
  [Opcode.BINPUT, (machine, reader) => machine.memoize(reader.byte())],
  [Opcode.LONG_BINPUT, (machine, reader) => machine.memoize(reader.length32())],
  [Opcode.MEMOIZE, (machine) => machine.memoize()],
  [Opcode.BINGET, (machine, reader) => machine.recall(reader.byte())],
  [Opcode.LONG_BINGET, (machine, reader) => machine.recall(reader.length32())],
  [Opcode.GLOBAL, (machine, reader) => machine.pushGlobal(reader.line(), reader.line())],
  [Opcode.STACK_GLOBAL, (machine) => machine.pushStackGlobal()],
  [Opcode.BINPERSID, (machine) => machine.pushStorage()],
  [Opcode.REDUCE, (machine) => machine.call()],
  [Opcode.NEWOBJ, (machine) => machine.call()],
  [Opcode.BUILD, (machine) => machine.setState()],
])

function unknownOpcode(path: string, opcode: number): DenseHybridError {
  const number = `0x${opcode.toString(16).padStart(2, '0')}`
  const name = OPCODE_NAMES[opcode]
  if (name === undefined) return damaged(path, `its pickle has the unknown opcode ${number}`)
  return refused(
    path,
    `uses the pickle opcode ${name} (${number}), which weights do not need`,
    'Nothing was executed. Save only weights: torch.save(model.state_dict(), path).',
  )
}

/** Reads a pickle from its begin to its end; the end must not come before STOP. */
class PickleReader {
  readonly #path: string
  readonly #bytes: Buffer
  // A byte-order mark is part of a text.
  readonly #decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  #at = 0

  constructor(path: string, bytes: Buffer) {
    this.#path = path
    this.#bytes = bytes
  }

  take(length: number): Buffer {
    const end = this.#at + length
    if (!(end <= this.#bytes.length)) throw damaged(this.#path, 'its pickle is truncated')
    const taken = this.#bytes.subarray(this.#at, end)
    this.#at = end
    return taken
  }

  byte(): number {
    return this.take(1)[0]
  }

  length32(): number {
    return this.take(4).readUInt32LE()
  }

  length64(): number {
    return Number(this.take(8).readBigUInt64LE())
  }

  text(length: number): string {
    const bytes = this.take(length)
    try {
      return this.#decoder.decode(bytes)
    } catch (error) {
      throw damaged(this.#path, 'its pickle has a text that is not UTF-8', error)
    }
  }

  /** Without the line feed that ends it. */
  line(): string {
    const end = this.#bytes.indexOf(0x0a, this.#at)
    if (end < 0) throw damaged(this.#path, 'its pickle is truncated')
    const text = this.text(end - this.#at)
    this.#at = end + 1
    return text
  }
}

/** A little-endian number in two's complement: a number where that is exact. */
function wholeNumber(bytes: Buffer): number | bigint {
  if (bytes.length === 0) return 0
  const digits = Buffer.from(bytes).reverse().toString('hex')
  const value = BigInt.asIntN(8 * bytes.length, BigInt(`0x${digits}`))
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
