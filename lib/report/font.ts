import type { Tensor } from '../tensor.ts'
import type { Colour } from './colormap.ts'

/**
 * A 5×7 bitmap font, so that captions look the same on machines without any font. A glyph is seven rows, top first,
 * each one base-32 digit (0–9, A–V) whose five bits are the row's pixels, left first.
 */
const GLYPHS: Record<string, string> = Object.fromEntries(
  (
    'A EHHVHHH B UHHUHHU C EHGGGHE D UHHHHHU E VGGUGGV F VGGUGGG G EHGNHHF H HHHVHHH I E44444E J 72222IC ' +
    'K HIKOKIH L GGGGGGV M HRLLHHH N HPLJHHH O EHHHHHE P UHHUGGG Q EHHHLID R UHHUKIH S FGGE11U T V444444 ' +
    'U HHHHHHE V HHHHHA4 W HHHLLLA X HHA4AHH Y HHHA444 Z V1248GV ' +
    'a 00E1FHF b GGMPHHU c 00EGGHE d 11DJHHF e 00EHVGE f 698S888 g FHHHF1E h GGMPHHH i 40C444E j 20622IC ' +
    'k GGIKOKI l C44444E m 00QLLLL n 00MPHHH o 00EHHHE p UHHHUGG q FHHHF11 r 00MPGGG s 00FGE1U t 88S8896 ' +
    'u 00HHHJD v 00HHHA4 w 00HHLLA x 00HA4AH y HHHHF1E z 00V248V ' +
    '0 EHJLPHE 1 4C4444E 2 EH1248V 3 EH161HE 4 26AIV22 5 VGU11HE 6 68GUHHE 7 V124888 8 EHHEHHE 9 EHHF12C ' +
    '. 00000CC , 00000C8 : 0CC0CC0 - 000V000 _ 000000V + 044V440 = 00V0V00 / 01248G0 ( 2488842 ) 8422248 ' +
    '[ E88888E ] E22222E < 248G842 > 8421248 % OP248J3 | 4444444 # AAVAVAA ! 4444404 ? EH12404 * 04LEL40 ' +
    '& CIK8LID ~ 008L200'
  )
    .match(/\S \S{7}/g)!
    .map((entry) => [entry[0], entry.slice(2)]),
)
GLYPHS[' '] = '0000000'

/** Drawn for characters the font lacks. */
const BOX = 'VHHHHHV'

/** Letters that hang two pixels below the line. */
const DESCENDING = 'gpqy'

/** Height of a line of text without its descenders, in pixels at scale 1. */
export const TEXT_HEIGHT = 7

/** Width of `text` in pixels. */
export function textWidth(text: string, scale = 1): number {
  return Math.max(0, (6 * [...plain(text)].length - 1) * scale)
}

/**
 * Draws `text` with its upper left corner at (x, y), each font pixel `scale` pixels wide; what lies outside is cut off.
 * Accents are dropped, dashes and minus signs become hyphens, other unknown characters a box.
 *
 * @param canvas H×W×3 RGB, drawn into
 */
export function drawText(
  canvas: Tensor<Uint8Array>,
  x: number,
  y: number,
  text: string,
  colour: Colour,
  scale = 1,
): void {
  ;[...plain(text)].forEach((character, position) => {
    const glyph = GLYPHS[character] ?? BOX
    const drop = DESCENDING.includes(character) ? 2 : 0
    for (let row = 0; row < 7; row++) {
      const bits = Number.parseInt(glyph[row], 32)
      for (let column = 0; column < 5; column++) {
        if (bits & (16 >> column)) {
          const left = x + (6 * position + column) * scale
          fillRectangle(canvas, left, y + (row + drop) * scale, scale, scale, colour)
        }
      }
    }
  })
}

/** Fills a rectangle; what lies outside of the canvas is cut off. */
export function fillRectangle(
  canvas: Tensor<Uint8Array>,
  x: number,
  y: number,
  width: number,
  height: number,
  colour: Colour,
): void {
  const [rows, columns] = canvas.shape
  for (let row = Math.max(0, y); row < Math.min(rows, y + height); row++) {
    for (let column = Math.max(0, x); column < Math.min(columns, x + width); column++) {
      canvas.data.set(colour, 3 * (row * columns + column))
    }
  }
}

function plain(text: string): string {
  return text
    .normalize('NFD')
    .replaceAll(/\p{Mn}/gu, '')
    .replaceAll(/[‐-―−]/g, '-')
    .replaceAll('…', '...')
}
