import type { ScoreName } from '../../scores.ts'

/** How the detectors are called in charts. */
const TITLES: Readonly<Record<ScoreName, string>> = {
  hybrid: 'hybrid s_H',
  discriminative: 'discriminative s_D',
  generative: 'generative s_G',
  maxSoftmax: 'max-softmax',
  maxLogit: 'max-logit',
  entropy: 'entropy',
}

/**
 * Colours that stay apart under the common kinds of colour blindness: those of Okabe and Ito, the light ones darkened
 * until they have a contrast of 3 : 1 on white.
 */
const COLOURS: Readonly<Record<ScoreName, string>> = {
  hybrid: '#0072b2',
  discriminative: '#d55e00',
  generative: '#00926a',
  maxSoftmax: '#c4609a',
  maxLogit: '#b27a00',
  entropy: '#3d94c9',
}

/** For detectors of other names. */
const OTHER_COLOURS: readonly string[] = ['#000000', '#7d4ba3', '#8c564b', '#0f5257', '#6b8e00', '#a3123f']

/** Inliers and anomalies, wherever they are drawn side by side. */
export const CLASS_COLOURS = { inliers: '#6b7a90', anomalies: '#d55e00' } as const

/** Closed-set and open-set values, wherever they are drawn side by side. */
export const SETTING_COLOURS = { closed: '#6b7a90', open: '#0072b2' } as const

/** The title of a detector: that of one of the package's scores, otherwise its own name. */
export function detectorTitle(detector: string): string {
  return Object.hasOwn(TITLES, detector) ? TITLES[detector as ScoreName] : detector
}

/**
 * One colour a detector. Those of the package's scores never change; another name starts from a colour that follows
 * from its letters and takes the next one that is free, so that it nearly always keeps its colour from chart to chart.
 */
export function detectorColours(detectors: readonly string[]): string[] {
  const taken = new Set<string>()
  return detectors.map((detector) => {
    if (Object.hasOwn(COLOURS, detector)) return COLOURS[detector as ScoreName]
    const start = letterSum(detector)
    for (let step = 0; step < OTHER_COLOURS.length; step++) {
      const colour = OTHER_COLOURS[(start + step) % OTHER_COLOURS.length]
      if (taken.has(colour)) continue
      taken.add(colour)
      return colour
    }
    return OTHER_COLOURS[start % OTHER_COLOURS.length]
  })
}

function letterSum(text: string): number {
  let sum = 0
  for (const letter of text) sum = (31 * sum + letter.codePointAt(0)!) % 1_000_003
  return sum
}
