/**
 * The results as a markdown table: a row per contender, the ratio to the yardstick of its group.
 */

import type { Group } from './measure.ts'

/** `machine`: what it was measured on, as a sentence part. */
export function markdown(groups: readonly Group[], machine: string): string {
  return [
    '# Figures',
    '',
    `Written by \`npm run bench\` on ${machine}.`,
    'Median (least – greatest) of one run in which the contenders take turns. Machines differ and',
    'are shared: compare the ratios of one run, never figures of two.',
    ...groups.flatMap((group) => ['', `## ${group.title}`, '', group.note, '', ...table(group)]),
    '',
  ].join('\n')
}

function table({ unit, yardstick, rows }: Group): readonly string[] {
  const base = yardstick === undefined ? undefined : rows[yardstick]?.median
  const lines = Object.entries(rows).map(([name, { median, min, max, count }]) => {
    const ratio = base ? `${(median / base).toFixed(2)}×` : '–'
    const range = count > 1 ? ` (${number(min)} – ${number(max)})` : ''
    const span = number(median) + range
    return `| ${name} | ${span} | ${ratio} | ${count} |`
  })
  const against = yardstick !== undefined && base ? `beside ${yardstick}` : 'ratio'
  return [`| what | ${unit} | ${against} | runs |`, '|---|---|---|---|', ...lines]
}

/** Three digits that matter. */
export function number(value: number): string {
  if (value >= 100) return value.toFixed(0)
  return value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
