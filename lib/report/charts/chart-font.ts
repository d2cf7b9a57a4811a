import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

/** The part of opentype.js that is used here. */
interface Glyph {
  readonly advanceWidth: number
  getPath(x: number, y: number, fontSize: number): { toPathData(decimals: number): string }
}
interface FontFile {
  readonly unitsPerEm: number
  hasChar(character: string): boolean
  charToGlyph(character: string): Glyph
}
interface OpenType {
  parse(bytes: ArrayBuffer): FontFile
}

/** Where the package's font comes from; a character is looked for in this order. */
const SUBSETS = [
  'latin',
  'latin-ext',
  'greek',
  'cyrillic',
  'greek-ext',
  'cyrillic-ext',
  'vietnamese',
] as const

const require = createRequire(import.meta.url)
const fonts = new Map<string, FontFile>()

/** Weights from 600 on are drawn bold. */
export type FontWeight = string | number | undefined

/** Width of a line of text in pixels. */
export function lineWidth(text: string, fontSize: number, weight?: FontWeight): number {
  let width = 0
  for (const character of text) width += advance(fontOf(character, weight), character, fontSize)
  return width
}

/** A line of text as SVG path data, its left end and base line at (x, y). */
export function linePath(text: string, x: number, y: number, fontSize: number, weight?: FontWeight): string {
  let path = ''
  let left = x
  for (const character of text) {
    const font = fontOf(character, weight)
    path += font.charToGlyph(character).getPath(left, y, fontSize).toPathData(2)
    left += advance(font, character, fontSize)
  }
  return path
}

function advance(font: FontFile, character: string, fontSize: number): number {
  return (font.charToGlyph(character).advanceWidth / font.unitsPerEm) * fontSize
}

/** The font that has a character; the first one, which draws a box, where none has. */
function fontOf(character: string, weight: FontWeight): FontFile {
  const file = isBold(weight) ? 600 : 400
  for (const subset of SUBSETS) {
    const font = load(subset, file)
    if (font.hasChar(character)) return font
  }
  return load('latin', file)
}

function isBold(weight: FontWeight): boolean {
  return weight === 'bold' || weight === 'bolder' || Number(weight) >= 600
}

function load(subset: (typeof SUBSETS)[number], weight: 400 | 600): FontFile {
  const name = `inter-${subset}-${weight}-normal.woff`
  let font = fonts.get(name)
  if (font === undefined) {
    const bytes = readFileSync(require.resolve(`@fontsource/inter/files/${name}`))
    const { parse } = require('opentype.js') as OpenType
    font = parse(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer)
    fonts.set(name, font)
  }
  return font
}
