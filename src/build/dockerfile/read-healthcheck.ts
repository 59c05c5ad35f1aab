/** HEALTHCHECK: NONE, or CMD with its times. */

import { Flags } from './flags.ts'
import type { ImageHealth, InstructionBody } from './instruction.ts'
import { readJsonList } from './json-list.ts'
import { Problem } from './problem.ts'
import type { Statement } from './statement.ts'
import { type Word, wordAt } from './words.ts'

const FLAGS = {
  interval: 'text',
  timeout: 'text',
  'start-period': 'text',
  'start-interval': 'text',
  retries: 'text',
} as const

export function readHealthcheck(statement: Statement): InstructionBody {
  const { args } = statement
  const word = /^\S+/u.exec(args.text)?.[0] ?? ''
  const rest = args.text.slice(word.length).trimStart()
  const command = wordAt(rest, args.end - rest.length)
  if (word.toUpperCase() === 'NONE' && rest === '') {
    return { kind: 'healthcheck', health: { Test: ['NONE'] } }
  }
  if (word.toUpperCase() !== 'CMD' || rest === '') {
    throw new Problem('Cannot use HEALTHCHECK: it needs a command, or NONE', {
      span: args.text === '' ? undefined : args,
      hint: 'write HEALTHCHECK CMD COMMAND, or HEALTHCHECK NONE',
    })
  }
  return { kind: 'healthcheck', health: healthOf(new Flags(statement, FLAGS), command) }
}

function healthOf(flags: Flags, command: Word): ImageHealth {
  const list = readJsonList(command)
  const times = {
    Interval: durationOf(flags.text('interval')),
    Timeout: durationOf(flags.text('timeout')),
    StartPeriod: durationOf(flags.text('start-period')),
    StartInterval: durationOf(flags.text('start-interval')),
    Retries: retriesOf(flags.text('retries')),
  }
  const given = Object.entries(times).filter(([, value]) => value !== undefined && value !== 0)
  const test = list === undefined ? ['CMD-SHELL', command.text] : ['CMD', ...list]
  return { Test: test, ...Object.fromEntries(given) }
}

/** Nanoseconds in one unit of Go's `time.ParseDuration`. */
const UNITS: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

function durationOf(word: Word | undefined): number | undefined {
  if (word === undefined) return undefined
  const { text } = word
  const parts = [...text.matchAll(/(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|ms|s|m|h)/gu)]
  const total = parts.reduce(
    (sum, [, n = '', unit = '']) => sum + Number(n) * (UNITS[unit] ?? 0),
    0,
  )
  const isWhole = parts.map(([part]) => part).join('') === text && parts.length > 0
  if (text === '0') return 0
  if (isWhole && (total === 0 || total >= 1e6)) return Math.round(total)
  throw new Problem(`Cannot use "${text}" as a time of HEALTHCHECK`, {
    span: word,
    hint: 'write it like 30s, 1m30s or 500ms; the least is 1ms',
  })
}

function retriesOf(word: Word | undefined): number | undefined {
  if (word === undefined) return undefined
  if (/^\d{1,9}$/.test(word.text)) return Number(word.text)
  throw new Problem(`Cannot use "${word.text}" as the number of retries`, {
    span: word,
    hint: 'write a whole number',
  })
}
