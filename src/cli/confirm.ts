/** Asks before what cannot be taken back. */

import { readSync } from 'node:fs'
import { isTerminal, sayText } from './output.ts'

/** True for an answer that begins with y; the end of the input is a no. */
export function confirm(question: string): boolean {
  sayText(`${question} [y/N] `)
  const answer = readLine()
  if (!isTerminal(0)) sayText('\n')
  return /^y(?:es)?$/i.test(answer.trim())
}

/** One line of standard input, byte by byte: what follows it belongs to somebody else. */
function readLine(): string {
  const byte = Buffer.alloc(1)
  let line = ''
  while (readByte(byte) && byte[0] !== 0x0a) line += byte.toString('latin1')
  return line
}

function readByte(byte: Buffer): boolean {
  try {
    return readSync(0, byte, 0, 1, null) === 1
  } catch (error) {
    // A terminal that somebody has made non-blocking gives no answer.
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false
    throw error
  }
}
