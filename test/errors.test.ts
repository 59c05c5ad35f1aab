/** docs/errors.md and the table of codes are the same list. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ERROR_CODES, TsstackError, UsageError } from '../src/errors.ts'
import { sourceFiles } from './support/sources.ts'

const page = readFileSync(new URL('../docs/errors.md', import.meta.url), 'utf8')

test('docs/errors.md lists exactly the codes of ERROR_CODES, with exit status and meaning', () => {
  const rows = [...page.matchAll(/^\| `(\w+)` \| (\d+) \| (.+?) \| (.+?) \|$/gm)]
  const documented = rows.map(([, code, exit, meaning]) => `${code} ${exit} ${meaning}`)
  const declared = Object.entries(ERROR_CODES).map(
    ([code, { exit, meaning }]) => `${code} ${exit} ${meaning}`,
  )
  expect(documented).toEqual(declared)
})

test('docs/errors.md says what to do about each code', () => {
  const cures = [...page.matchAll(/^\| `\w+` \| \d+ \| .+? \| (.*) \|$/gm)].map(([, cure]) => cure)
  expect(cures.filter((cure) => !cure || cure.length < 10 || /^[A-Z]+$/.test(cure))).toEqual([])
})

test('every code of ERROR_CODES is thrown somewhere', () => {
  const sources = [...sourceFiles('src'), ...sourceFiles('bin')].filter(
    (file) => file.path !== 'src/errors.ts',
  )
  const own = readFileSync(new URL('../src/errors.ts', import.meta.url), 'utf8')
  const unused = Object.keys(ERROR_CODES).filter(
    (code) =>
      !sources.some((file) => new RegExp(`['[]${code}['\\]]`).test(file.text)) &&
      // The classes of errors.ts give some codes themselves: super('SYSCALL', …).
      !new RegExp(`(?:super\\(|\\?\\? )'${code}'`).test(own),
  )
  expect(unused).toEqual([])
})

test('an error keeps its code, hint and cause', () => {
  const cause = new Error('first')
  const error = new UsageError('Cannot do it', { hint: 'do another', cause, code: 'NOT_ROOT' })
  expect(error).toBeInstanceOf(TsstackError)
  expect(error).toMatchObject({ code: 'NOT_ROOT', hint: 'do another' })
  expect(error.cause).toBe(cause)
})
