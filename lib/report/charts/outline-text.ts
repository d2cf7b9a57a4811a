import { linePath, lineWidth } from './chart-font.ts'

/** A text element as vega writes it: attributes in double quotes, lines as tspan elements or one line without. */
const TEXT_ELEMENT = /<text((?:\s+[\w:-]+="[^"]*")*)\s*>((?:(?!<\/text>)[\s\S])*)<\/text>/g
const LINE_ELEMENT = /<tspan((?:\s+[\w:-]+="[^"]*")*)\s*>([^<]*)<\/tspan>/g

/** Attributes of a text element that its outline has no use for. */
const TEXT_ATTRIBUTES = ['text-anchor', 'font-family', 'font-size', 'font-weight', 'font-style']

const ANCHOR_SHARES: Readonly<Record<string, number>> = { start: 0, middle: 0.5, end: 1 }

/**
 * The same picture with its text as outlines of the package's font, so that it looks the same wherever it is drawn,
 * on machines without any font too.
 *
 * @param svg as vega writes it
 */
export function outlineText(svg: string): string {
  return svg.replaceAll(TEXT_ELEMENT, (_match, attributeText: string, content: string) => {
    const attributes = parseAttributes(attributeText)
    const fontSize = Number.parseFloat(attributes.get('font-size') ?? '11')
    const weight = attributes.get('font-weight')
    const share = ANCHOR_SHARES[attributes.get('text-anchor') ?? 'start'] ?? 0
    let y = 0
    let path = ''
    for (const { text, dy } of linesOf(content)) {
      y += dy
      path += linePath(text, -share * lineWidth(text, fontSize, weight), y, fontSize, weight)
    }
    const kept = [...attributes]
      .filter(([name]) => !TEXT_ATTRIBUTES.includes(name))
      .map(([name, value]) => ` ${name}="${value}"`)
    return `<path d="${path}"${kept.join('')}/>`
  })
}

function linesOf(content: string): { text: string; dy: number }[] {
  if (!content.includes('<tspan')) return [{ text: unescapeMarkup(content), dy: 0 }]
  return [...content.matchAll(LINE_ELEMENT)].map(([, attributeText, text]) => ({
    text: unescapeMarkup(text),
    dy: Number.parseFloat(parseAttributes(attributeText).get('dy') ?? '0'),
  }))
}

/** Names and values, the values still escaped. */
function parseAttributes(text: string): Map<string, string> {
  return new Map([...text.matchAll(/([\w:-]+)="([^"]*)"/g)].map(([, name, value]) => [name, value]))
}

function unescapeMarkup(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll(/&#xa0;|&nbsp;/g, ' ')
    .replaceAll('&amp;', '&')
}
