import { expect, test } from 'vitest'
import { safeLine, safeText } from '../../src/cli/safe-text.ts'

test.each([
  ['clipboard', '\u001b]52;c;AAAA\u0007', '\\x1b]52;c;AAAA\\x07'],
  ['clear screen', '\u001b[2J', '\\x1b[2J'],
  ['a C1 control', '\u009b2J', '\\x9b2J'],
  ['a carriage return inside', 'real\rfake | ok', 'real\\x0dfake | ok'],
  ['a mark that turns the direction', 'a\u202eb', 'a\\u202eb'],
  ['a delete character', '\u007f', '\\x7f'],
  ['backspace', 'ok\b\bno', 'ok\\x08\\x08no'],
])('safeLine() makes %s visible', (_, line, shown) => {
  expect(safeLine(line)).toBe(shown)
})

test('safeLine() leaves text, tabs, other scripts and emoji alone', () => {
  const line = 'größe\t日本語 👩‍👩‍👧 café'
  expect(safeLine(line)).toBe(line)
})

test('safeLine() keeps colours, and ends them with the line', () => {
  expect(safeLine('\u001b[1;31mred')).toBe('\u001b[1;31mred\u001b[0m')
})

test('safeLine() drops the carriage return of a line that ends like on Windows', () => {
  expect(safeLine('text\r')).toBe('text')
})

test('safeText() makes colours visible as well, and keeps newlines', () => {
  expect(safeText('a\n\u001b[31mb')).toBe('a\n\\x1b[31mb')
})
