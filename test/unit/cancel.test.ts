import { getEventListeners } from 'node:events'
import { expect } from 'chai'
import { withCancel } from '../../lib/binding/cancel.ts'
import type { CancelFlag } from '../../lib/binding/native.ts'
import { DenseHybridError } from '../../lib/errors.ts'
import { rejection } from '../support/install-fixtures.ts'

const aborted = () => Object.assign(new Error('The operation was aborted.'), { code: 'ABORTED' })

/** A job like the addon's: looks at its flag now and then. */
async function poll(flag: CancelFlag | undefined, turns: number): Promise<string> {
  for (let i = 0; i < turns; i++) {
    if (flag?.[0]) throw aborted()
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  return 'done'
}

describe('withCancel', () => {
  it('gives no flag without a signal, and passes the result on', async () => {
    expect(await withCancel(undefined, async (flag) => [flag])).to.deep.equal([undefined])
  })

  it('gives one byte of shared memory, 0 until the signal fires and 1 after', async () => {
    const controller = new AbortController()
    let flag: CancelFlag | undefined
    const job = withCancel(controller.signal, (given) => {
      flag = given
      return poll(given, 500)
    })
    expect(flag).to.be.instanceOf(Uint8Array).and.have.length(1)
    expect(flag!.buffer).to.be.instanceOf(SharedArrayBuffer)
    expect(flag![0]).to.equal(0)
    controller.abort()
    expect(flag![0], 'set before anything else runs').to.equal(1)
    await rejection(job)
  })

  it('rejects as ABORTED with the reason of the signal as cause', async () => {
    const controller = new AbortController()
    const job = withCancel(controller.signal, (flag) => poll(flag, 500))
    const reason = new Error('user pressed stop')
    setTimeout(() => controller.abort(reason), 5)
    const error = await rejection(job)
    expect(error).to.be.instanceOf(DenseHybridError).with.property('code', 'ABORTED')
    expect(error.cause).to.equal(reason)
  })

  it('does not start a job whose signal has fired already', async () => {
    let started = false
    const error = await rejection(withCancel(AbortSignal.abort('no'), async () => (started = true)))
    expect(error).to.include({ code: 'ABORTED', cause: 'no' })
    expect(started).to.equal(false)
  })

  it('resolves when the job was done before it noticed', async () => {
    const controller = new AbortController()
    const job = withCancel(controller.signal, async () => {
      controller.abort()
      return 'done'
    })
    expect(await job).to.equal('done')
  })

  it('passes on an error of another kind, though the signal has fired', async () => {
    const controller = new AbortController()
    const job = withCancel(controller.signal, async () => {
      controller.abort()
      throw Object.assign(new Error('NaN'), { code: 'NON_FINITE' })
    })
    expect(await rejection(job))
      .to.be.instanceOf(DenseHybridError)
      .with.property('code', 'NON_FINITE')
  })

  it('keeps ABORTED of a job that others stopped (the thread ends)', async () => {
    const job = withCancel(new AbortController().signal, () => Promise.reject(aborted()))
    expect(await rejection(job))
      .to.be.instanceOf(DenseHybridError)
      .with.property('code', 'ABORTED')
  })

  it('maps what a job throws before it returns a promise', async () => {
    const job = withCancel(undefined, () => {
      throw Object.assign(new Error('x'), { code: 'INVALID_ARGUMENT' })
    })
    expect(await rejection(job)).to.have.property('code', 'INVALID_ARGUMENT')
  })

  it('leaves no listener behind, however the job ends', async () => {
    const { signal } = new AbortController()
    for (let i = 0; i < 20; i++) {
      await withCancel(signal, async () => i)
      await rejection(withCancel(signal, () => Promise.reject(new Error('x'))))
    }
    expect(getEventListeners(signal, 'abort')).to.have.length(0)
  })
})
