import { expect } from 'chai'
import { clock, formatTable, percent, Ui, type UiOptions } from '../../lib/cli/ui.ts'

/** A stream that keeps what is written. */
function sink(isTTY = false) {
  const stream = {
    text: '',
    isTTY,
    columns: 100,
    write(chunk: string) {
      stream.text += chunk
      return true
    },
    cursorTo: () => true,
    clearLine: () => true,
    moveCursor: () => true,
    on: () => stream,
    once: () => stream,
    removeListener: () => stream,
  }
  return stream
}

function makeUi(options: UiOptions = {}, isTTY = false) {
  const stdout = sink(isTTY)
  const stderr = sink(isTTY)
  const streams = { stdout, stderr } as unknown as Pick<UiOptions, 'stdout' | 'stderr'>
  return { ui: new Ui({ env: {}, ...streams, ...options }), stdout, stderr }
}

describe('Ui', () => {
  it('writes results to stdout and all else to stderr', () => {
    const { ui, stdout, stderr } = makeUi()
    ui.result('42')
    ui.json({ ap: Number.NaN })
    ui.note('note')
    ui.warn('warn')
    ui.error('failed', 'do this\nthen that')
    expect(stdout.text).to.equal('42\n{\n  "ap": null\n}\n')
    expect(stderr.text).to.equal('note\nwarning: warn\ndensehybrid: failed\n  do this\n  then that\n')
  })

  it('is quiet but for warnings and errors, and warns once', () => {
    const { ui, stderr } = makeUi({ quiet: true })
    ui.note('note')
    ui.progress('train', 3).update(1)
    ui.warn('warn')
    ui.warn('warn')
    expect(stderr.text).to.equal('warning: warn\n')
  })

  it('prints plain progress lines now and then, and one at the end', async () => {
    const { ui, stderr } = makeUi({ interval: 30 })
    const progress = ui.progress('score', 10, 'images')
    progress.update(1, '8 img/s')
    expect(stderr.text).to.equal('')
    await new Promise((resolve) => setTimeout(resolve, 40))
    progress.update(2.5, '9 img/s')
    expect(stderr.text).to.match(/^score {2}25 % {2}2\/10 images {2}9 img\/s {2}ETA 0:00\n$/)
    progress.stop('done')
    progress.stop('again')
    expect(stderr.text.split('\n').slice(1)).to.deep.equal(['score  100 %  10/10 images  done  0:00', ''])
  })

  it('draws a bar on a terminal', () => {
    const { ui, stderr } = makeUi({}, true)
    const progress = ui.progress('score', 4)
    progress.update(2, '9 img/s')
    progress.stop('done')
    expect(stderr.text).to.include('████').and.include('100 %').and.include('done')
  })

  it('ends running tasks before an error', () => {
    const { ui, stderr } = makeUi()
    ui.progress('train', 3).update(1, 'loss 1')
    ui.error('failed')
    expect(stderr.text).to.equal('train  33 %  1/3  loss 1  0:00\ndensehybrid: failed\n')
  })

  it('uses colours on a terminal, unless NO_COLOR is set', () => {
    expect(makeUi({}, true).ui.colors.isColorSupported).to.equal(true)
    expect(makeUi({}, false).ui.colors.isColorSupported).to.equal(false)
    expect(makeUi({ env: { NO_COLOR: '1' } }, true).ui.colors.isColorSupported).to.equal(false)
    expect(makeUi({ env: { FORCE_COLOR: '1' } }, false).ui.colors.isColorSupported).to.equal(true)
    expect(makeUi({ env: { TERM: 'dumb' } }, true).ui.colors.isColorSupported).to.equal(false)
  })
})

describe('formats', () => {
  it('tables have no borders, names left and numbers right', () => {
    const table = formatTable(
      ['detector', 'AP'],
      [
        ['s_H', '81.4'],
        ['entropy', '9.0'],
      ],
    )
    expect(table).to.equal(' detector    AP\n s_H       81.4\n entropy    9.0')
  })

  it('clock and percent', () => {
    expect([0, 59_600, 61_000, 3_725_000].map(clock)).to.deep.equal(['0:00', '1:00', '1:01', '1:02:05'])
    expect([0.8136, 1, Number.NaN, undefined].map((value) => percent(value))).to.deep.equal([
      '81.4',
      '100.0',
      '–',
      '–',
    ])
  })
})
