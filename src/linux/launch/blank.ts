/**
 * Blanks in the texts of a launch program: what is filled in when it is to run. Programs that
 * differ in nothing else are written and encoded once.
 */

import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'

/** What nobody else can have written into a text. ASCII, as most texts are: they stay short. */
const OPENING = `<${randomBytes(9).toString('base64url')}`
const BLANK = new RegExp(`${OPENING}:(\\d+):(\\d+)>`, 'gu')

/** So many bytes more or less are no other program. */
const STEP_BYTES = 64

/** What is to be filled in, in the order of its blanks. */
export class Blanks {
  readonly values: string[] = []

  /** Stands for `value` wherever a program takes a text, also as a part of one. */
  of(value: string): string {
    const room = Math.ceil(Buffer.byteLength(value) / STEP_BYTES) * STEP_BYTES
    const index = this.values.push(value) - 1
    return `${OPENING}:${index}:${room}>`
  }
}

export function hasBlank(text: string): boolean {
  return text.includes(OPENING)
}

/** The most bytes that `text` has once its blanks are filled in. */
export function textRoom(text: string): number {
  if (!hasBlank(text)) return Buffer.byteLength(text)
  let room = Buffer.byteLength(text.replaceAll(BLANK, ''))
  for (const [, , bytes] of text.matchAll(BLANK)) room += Number(bytes)
  return room
}

export function fillIn(text: string, values: readonly string[]): string {
  return text.replaceAll(BLANK, (_, index: string) => {
    const value = values[Number(index)]
    assert(value !== undefined, `Nothing is given for blank ${index}`)
    return value
  })
}
