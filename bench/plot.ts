/** The results as an SVG: a bar chart per group, one scale each, no library. */
import type { Group } from './measure.ts'
import { number } from './table.ts'

const WIDTH = 760
const LABEL = 250
const BAR = 18
const GAP = 8

/** The groups of {@link markdown} as one SVG document. */
export function svg(groups: readonly Group[]): string {
  let y = 10
  const parts = groups.map((group) => {
    const part = chart(group, y)
    y += part.height
    return part.text
  })
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif">`,
    `<rect width="${WIDTH}" height="${y}" fill="#fff"/>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n')
}

function chart(
  { title, unit, yardstick, rows }: Group,
  top: number,
): { readonly text: string; readonly height: number } {
  const entries = Object.entries(rows)
  const greatest = Math.max(...entries.map(([, { median }]) => median))
  const scale = (WIDTH - LABEL - 90) / greatest
  const head = `<text x="10" y="${top + 16}" font-size="14">${escape(title)}</text>`
  const bars = entries.map(([name, { median }], index) => {
    const y = top + 28 + index * (BAR + GAP)
    const width = Math.max(median * scale, 1).toFixed(1)
    const fill = colour(name, yardstick)
    return [
      `<text x="${LABEL - 8}" y="${y + 13}" font-size="12" text-anchor="end">`,
      `${escape(name)}</text>`,
      `<rect x="${LABEL}" y="${y}" width="${width}" height="${BAR}" fill="${fill}"/>`,
      `<text x="${LABEL + Number(width) + 6}" y="${y + 13}" font-size="12">`,
      `${number(median)} ${escape(unit)}</text>`,
    ].join('')
  })
  return { text: [head, ...bars].join('\n'), height: 28 + entries.length * (BAR + GAP) + 18 }
}

function colour(name: string, yardstick: string | undefined): string {
  if (name === yardstick) return '#9aa5b1'
  return name.startsWith('tsstack') ? '#2f6fde' : '#d0d6dd'
}

const escape = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
