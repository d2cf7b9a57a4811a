import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { collectInputs } from '../../lib/scoring/collect-inputs.ts'

describe('collectInputs', () => {
  let root: string
  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'densehybrid-inputs-'))
    await mkdir(join(root, 'photos/deep'), { recursive: true })
    await mkdir(join(root, 'empty'))
    for (const name of ['b.JPG', 'a.png', 'notes.md', 'deep/c.webp', '.hidden.png', 'x[1].png']) {
      await writeFile(join(root, 'photos', name), 'x')
    }
    await writeFile(join(root, 'list.txt'), '# streets\n one.png \r\n\ntwo.jpg\none.png\n')
    await writeFile(
      join(root, 'list.jsonl'),
      '"one.png"\n{"path": "two.png"}\n{"input": "three.png", "id": 3}\n',
    )
    await writeFile(join(root, 'bad.jsonl'), '"one.png"\n{"name": "two.png"}\n')
    await writeFile(join(root, 'broken.jsonl'), '{"path": \n')
  })
  after(() => rm(root, { recursive: true }))

  const relative = async (...inputs: string[]) =>
    (await collectInputs(inputs.map((input) => join(root, input)))).map((path) =>
      path.replace(`${root}/`, ''),
    )
  const failure = (input: string) => collectInputs([input]).catch((error) => error)

  it('takes the images below a folder, in order, without hidden files', async () => {
    expect(await relative('photos')).to.deep.equal([
      'photos/a.png',
      'photos/b.JPG',
      'photos/deep/c.webp',
      'photos/x[1].png',
    ])
  })

  it('takes files as they are, patterns too where such a file exists, missing ones too', async () => {
    const files = ['photos/x[1].png', 'photos/notes.md', 'photos/missing.png']
    expect(await relative(...files)).to.deep.equal(files)
  })

  it('expands patterns', async () => {
    expect(await relative('photos/*.png')).to.deep.equal(['photos/a.png', 'photos/x[1].png'])
    expect(await relative('photos/**/*.{webp,JPG}')).to.deep.equal(['photos/b.JPG', 'photos/deep/c.webp'])
  })

  it('reads lists, each path once', async () => {
    expect(await collectInputs([join(root, 'list.txt')])).to.deep.equal(['one.png', 'two.jpg'])
    expect(await collectInputs([join(root, 'list.jsonl'), join(root, 'list.txt')])).to.deep.equal([
      'one.png',
      'two.png',
      'three.png',
      'two.jpg',
    ])
  })

  it('reads stdin as lines of paths or JSON, whatever the pieces', async () => {
    async function* pieces(...parts: string[]) {
      for (const part of parts) yield Buffer.from(part)
    }
    expect(
      await collectInputs(['-'], { stdin: pieces('str\u00e4', '\u00dfe.png\nb', '.png') }),
    ).to.deep.equal(['sträße.png', 'b.png'])
    expect(await collectInputs(['-'], { stdin: pieces('{"path": "a', '.png"}\n') })).to.deep.equal(['a.png'])
  })

  it('names folders, patterns and lists without images', async () => {
    for (const input of [join(root, 'empty'), join(root, 'photos/*.gif')]) {
      const error = await failure(input)
      expect(error).to.have.property('code', 'EMPTY')
      expect(error.message).to.include(input)
    }
    const stdin = (async function* () {})()
    const error = await collectInputs(['-'], { stdin }).catch((reason) => reason)
    expect(error.message).to.equal('The list on stdin names no image.')
  })

  it('names the line of a list that is wrong', async () => {
    expect((await failure(join(root, 'bad.jsonl'))).message).to.match(
      /line 2 of .*bad\.jsonl is neither a path nor/,
    )
    expect((await failure(join(root, 'broken.jsonl'))).message).to.match(
      /line 1 of .*broken\.jsonl is not JSON/,
    )
    expect(await failure(join(root, 'missing.txt'))).to.have.property('code', 'NOT_FOUND')
  })
})
