/** The pid that a program has written down. */
import { readFileSync } from 'node:fs'

/** @throws when the file holds none, as while it is being written. */
export function pidIn(path: string): number {
  const text = readFileSync(path, 'utf8').trim()
  if (/^[1-9]\d*$/.test(text)) return Number(text)
  throw new Error(`Cannot read a pid from "${path}": it holds "${text}"; it is to hold a number`)
}
