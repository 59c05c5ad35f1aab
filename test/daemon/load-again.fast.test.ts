import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { loadAgain } from '../../src/daemon/load-again.ts'
import { loadDesired } from '../../src/daemon/load.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'tsstack-again-'))
})
afterEach(() => {
  vi.useRealTimers()
  rmSync(directory, { recursive: true })
})

const input = (env: Readonly<Record<string, string>> = {}) => ({
  cwd: directory,
  env,
  color: false,
})
const load = (env: Readonly<Record<string, string>> = {}) => loadAgain(input(env), 1_000_000)

/** Written, and left alone for longer than a tick of the file system's clock. */
async function written(name: string, text: string): Promise<void> {
  writeFileSync(join(directory, name), text)
  await sleep(30)
}

const variables = () => {
  const loaded = load()
  return loaded.kind === 'loaded' ? loaded.stack.services['web']?.environment : loaded.kind
}

const stack = (image: string) => `name: shop\nservices: { web: { image: '${image}' } }\n`

test('files that have not changed are loaded once, for the same words and variables', async () => {
  await written('compose.yaml', stack('host:${SUFFIX:-}'))
  const first = load()
  expect(first).toEqual(loadDesired(input(), 1_000_000))
  expect(load()).toBe(first)
  expect(load({ SUFFIX: 'x' })).not.toBe(first)
  expect(load()).toBe(first)
})

test('a file that changes, comes or goes is seen, and so is one of an env_file', async () => {
  await written('more.env', 'A=1\n')
  const text = "name: shop\nservices: { web: { image: 'host:', env_file: more.env } }\n"
  await written('compose.yaml', text)
  expect(variables()).toEqual({ A: '1' })
  await written('more.env', 'A=2\n')
  expect(variables()).toEqual({ A: '2' })
  await written('compose.override.yaml', 'services: { web: { environment: { B: x } } }\n')
  expect(variables()).toEqual({ A: '2', B: 'x' })
  rmSync(join(directory, 'compose.override.yaml'))
  expect(variables()).toEqual({ A: '2' })
  rmSync(join(directory, 'more.env'))
  expect(variables()).toBe('invalid')
})

test('what was written a moment ago is not kept: the next change could look the same', () => {
  const file = join(directory, 'compose.yaml')
  writeFileSync(file, stack('host:'))
  vi.useFakeTimers({ toFake: ['Date'], now: statSync(file).ctimeMs })
  const first = load()
  expect(load()).not.toBe(first)
})

test('only the last ones are kept, and none for long', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  writeFileSync(join(directory, 'compose.yaml'), stack('host:'))
  await vi.waitUntil(() => load() === load(), { timeout: 60_000, interval: 5 })
  const first = load()
  load({ A: '1' })
  load({ A: '2' })
  const again = load()
  expect(again).not.toBe(first)
  expect(load()).toBe(again)
  vi.advanceTimersByTime(60_000)
  expect(load()).not.toBe(again)
})
