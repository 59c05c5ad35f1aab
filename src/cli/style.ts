/** Colours and marks on a terminal; plain text elsewhere. */

import { hasColor } from './output.ts'

type Tone = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan'

/** SGR parameters of ECMA-48: on, and back to what it was. */
const TONES: Readonly<Record<Tone, readonly [number, number]>> = {
  bold: [1, 22],
  dim: [2, 22],
  red: [31, 39],
  green: [32, 39],
  yellow: [33, 39],
  cyan: [36, 39],
}

export type Paint = (tone: Tone, text: string) => string

/** Paints for stdout (1) or stderr (2); leaves the text alone where colours are not wanted. */
export function painter(fd: 1 | 2): Paint {
  if (!hasColor(fd)) return (_, text) => text
  return (tone, text) => {
    const [on, off] = TONES[tone]
    return `\u001b[${on}m${text}\u001b[${off}m`
  }
}

/** Foregrounds that tell services apart, in the order they are given out. */
const LABEL_COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94] as const

/** The `number`th label in its colour. */
export function paintLabel(number: number, text: string): string {
  return `\u001b[${LABEL_COLORS[number % LABEL_COLORS.length]}m${text}\u001b[0m`
}
