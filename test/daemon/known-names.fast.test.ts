import { mkdtempSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { knownName, rememberName } from '../../src/daemon/known-names.ts'
import { loadDesired } from '../../src/daemon/load.ts'

let directory: string

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsstack-names-'))
})

afterEach(() => rmSync(directory, { recursive: true }))

const stack = (name: string): string => `name: ${name}\nservices: { web: { image: 'host:' } }\n`

/** Written, and left alone for longer than a tick of the file system's clock. */
async function written(name: string, text: string): Promise<void> {
  writeFileSync(join(directory, name), text)
  await sleep(30)
}

function input(env: Readonly<Record<string, string>> = {}): Parameters<typeof knownName>[0] {
  return { cwd: directory, env, color: false }
}

function load(): void {
  rememberName(input(), loadDesired(input()))
}

test('a name is known once its files were read, for the same words and variables only', async () => {
  await written('compose.yaml', stack('shop'))
  expect(knownName(input())).toBeUndefined()
  load()
  expect(knownName(input())).toBe('shop')
  expect(knownName(input({ OTHER: '1' }))).toBeUndefined()
})

test('a file that was written anew, replaced, added or removed is read again', async () => {
  await written('compose.yaml', stack('shop'))
  load()
  await written('compose.yaml', stack('late'))
  expect(knownName(input())).toBeUndefined()

  load()
  writeFileSync(join(directory, 'new'), stack('moved'))
  utimesSync(join(directory, 'new'), 1, 1)
  renameSync(join(directory, 'new'), join(directory, 'compose.yaml'))
  expect(knownName(input())).toBeUndefined()

  await sleep(30)
  load()
  expect(knownName(input())).toBe('moved')
  writeFileSync(join(directory, 'compose.override.yaml'), 'name: over\n')
  expect(knownName(input())).toBeUndefined()

  rmSync(join(directory, 'compose.override.yaml'))
  rmSync(join(directory, 'compose.yaml'))
  expect(knownName(input())).toBeUndefined()
})

test('nothing is remembered of a file that has just changed, or has errors', async () => {
  writeFileSync(join(directory, 'compose.yaml'), stack('shop'))
  // At that moment, however long this process was stalled since.
  vi.setSystemTime(statSync(join(directory, 'compose.yaml')).ctimeMs)
  load()
  vi.useRealTimers()
  expect(knownName(input())).toBeUndefined()
  await written('compose.yaml', 'services: [\n')
  load()
  expect(knownName(input())).toBeUndefined()
})
