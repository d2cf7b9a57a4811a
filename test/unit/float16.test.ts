import { expect } from 'chai'
import fc from 'fast-check'
import { FLOAT16_MAX, narrowToHalf, widenHalf } from '../../lib/float16.ts'

const half = async (...values: number[]) => [...(await narrowToHalf(Float32Array.from(values))).bits]

describe('float16', () => {
  it('widens every value exactly', () => {
    const wide = widenHalf(Uint16Array.from([0x0000, 0x3c00, 0xc000, 0x3555, 0x0001, 0x03ff, 0x0400, 0x7bff]))
    expect([...wide]).to.deep.equal([
      0,
      1,
      -2,
      0.333251953125,
      2 ** -24,
      1023 * 2 ** -24,
      2 ** -14,
      FLOAT16_MAX,
    ])
    expect([...widenHalf(Uint16Array.from([0x7c00, 0xfc00]))]).to.deep.equal([Infinity, -Infinity])
    expect(widenHalf(Uint16Array.from([0x7e00]))[0]).to.be.NaN
    expect(Object.is(widenHalf(Uint16Array.from([0x8000]))[0], -0)).to.equal(true)
  })

  it('narrows back to the same bits, all of them', async () => {
    const all = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits).filter(
      (bits) => (bits & 0x7c00) !== 0x7c00,
    )
    const { bits, clamped } = await narrowToHalf(widenHalf(all))
    expect(clamped).to.equal(0)
    expect(Buffer.from(bits.buffer).equals(Buffer.from(all.buffer))).to.equal(true)
  })

  it('rounds ties to the even neighbour', async () => {
    expect(await half(1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -11 + 2 ** -23)).to.deep.equal([
      0x3c00, 0x3c02, 0x3c01,
    ])
    expect(await half(2 ** -25, 3 * 2 ** -25, 2 ** -25 * 1.0001)).to.deep.equal([0, 2, 1])
    expect(await half(2 ** -14 - 2 ** -26)).to.deep.equal([0x0400])
  })

  it('goes to the nearest (property)', async () => {
    const values = fc.float({ noNaN: true, min: -65_000, max: 65_000 })
    await fc.assert(
      fc.asyncProperty(values, async (value) => {
        const [bits] = await half(value)
        const magnitude = bits & 0x7fff
        const near = [magnitude - 1, magnitude, magnitude + 1].map((at) => (bits & 0x8000) | Math.max(0, at))
        const [below, chosen, above] = widenHalf(Uint16Array.from(near))
        const error = Math.abs(chosen - value)
        expect(error <= Math.abs(below - value) && error <= Math.abs(above - value)).to.equal(true)
      }),
    )
  })

  it('cuts off what would be infinite, and counts it', async () => {
    const { bits, clamped } = await narrowToHalf(
      Float32Array.from([65_519.99, 65_520, -1e6, Infinity, -Infinity, Number.NaN]),
    )
    expect([...widenHalf(bits).subarray(0, 5)]).to.deep.equal([
      FLOAT16_MAX,
      FLOAT16_MAX,
      -FLOAT16_MAX,
      FLOAT16_MAX,
      -FLOAT16_MAX,
    ])
    expect(widenHalf(bits)[5]).to.be.NaN
    expect(clamped).to.equal(4)
  })
})
