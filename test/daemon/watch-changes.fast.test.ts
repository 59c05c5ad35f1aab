/** nextChange(): what editors, scripts and deployments do to files, and when it is told. */
import {
  appendFileSync,
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { nextChange } from '../../src/daemon/watch/changes.ts'
import { fingerprint } from '../../src/daemon/watch/fingerprint.ts'
import { WATCH_WAIT_MS_MAX } from '../../src/limits.ts'

let folder: string
let ended: AbortController
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tsstack-watch-'))
  ended = new AbortController()
})
afterEach(() => {
  ended.abort()
  rmSync(folder, { recursive: true })
})

const at = (name: string): string => join(folder, name)
const write = (name: string, text: string): void => writeFileSync(at(name), text)

/** The names that the next change is told with, from what they are like now. */
async function next(...names: readonly string[]): Promise<readonly string[]> {
  const seen = new Map(names.map((name) => [at(name), fingerprint(at(name))]))
  const changed = await nextChange({ seen, base: folder, signal: ended.signal })
  return changed.map((path) => path.slice(folder.length + 1))
}

test('a file that is written in place', async () => {
  write('stack.yaml', 'a')
  const change = next('stack.yaml', '.env')
  write('stack.yaml', 'b')
  expect(await change).toEqual(['stack.yaml'])
})

test('a file that an editor puts in place by rename, twice', async () => {
  write('stack.yaml', 'a')
  for (const text of ['b', 'c']) {
    const change = next('stack.yaml')
    write('.stack.yaml.swp', text)
    renameSync(at('.stack.yaml.swp'), at('stack.yaml'))
    expect(await change).toEqual(['stack.yaml'])
  }
})

test('an editor that moves the old file away first, and has a backup', async () => {
  write('stack.yaml', 'a')
  const change = next('stack.yaml')
  renameSync(at('stack.yaml'), at('stack.yaml~'))
  write('stack.yaml', 'b')
  expect(await change).toEqual(['stack.yaml'])
})

test('a file that goes, and one that comes', async () => {
  write('stack.yaml', 'a')
  const gone = next('stack.yaml', '.env')
  rmSync(at('stack.yaml'))
  expect(await gone).toEqual(['stack.yaml'])
  const came = next('stack.yaml', '.env')
  write('.env', 'A=1')
  expect(await came).toEqual(['.env'])
})

test('a file in folders that are not there yet', async () => {
  const change = next('conf/web/app.env')
  mkdirSync(at('conf'))
  await sleep(300)
  mkdirSync(at('conf/web'))
  write('conf/web/app.env', 'A=1')
  expect(await change).toEqual(['conf/web/app.env'])
})

test('a folder that is moved away with the file in it, and another one put in its place', async () => {
  mkdirSync(at('conf'))
  mkdirSync(at('next'))
  write('conf/app.env', 'A=1')
  write('next/app.env', 'A=2')
  const change = next('conf/app.env')
  renameSync(at('conf'), at('before'))
  renameSync(at('next'), at('conf'))
  expect(await change).toEqual(['conf/app.env'])
})

test('what a symbolic link leads to, and the link itself', async () => {
  mkdirSync(at('elsewhere'))
  write('elsewhere/one', 'a')
  write('elsewhere/two', 'b')
  symlinkSync('elsewhere/one', at('stack.yaml'))
  const written = next('stack.yaml')
  write('elsewhere/one', 'aa')
  expect(await written).toEqual(['stack.yaml'])
  const retargeted = next('stack.yaml')
  symlinkSync('elsewhere/two', at('new'))
  renameSync(at('new'), at('stack.yaml'))
  expect(await retargeted).toEqual(['stack.yaml'])
})

test('a link above the file, as Kubernetes and deploy scripts turn it over', async () => {
  for (const release of ['1', '2']) {
    mkdirSync(at(release))
    write(`${release}/app.env`, release)
  }
  symlinkSync('1', at('current'))
  const change = next('current/app.env')
  symlinkSync('2', at('new'))
  renameSync(at('new'), at('current'))
  expect(await change).toEqual(['current/app.env'])
})

test('a link in a circle and one to nowhere are states like others', async () => {
  symlinkSync('loop', at('loop'))
  symlinkSync('missing', at('dangling'))
  const change = next('loop', 'dangling')
  write('missing', 'here')
  expect(await change).toEqual(['dangling'])
})

test('1,000 changes are one', async () => {
  write('stack.yaml', 'a')
  const change = next('stack.yaml')
  for (let count = 0; count < 1_000; count += 1) {
    write('stack.yaml', `round ${count}`)
    if (count % 50 === 0) await sleep(20)
  }
  const written = fingerprint(at('stack.yaml'))
  expect(await change).toEqual(['stack.yaml'])
  // It was told after the last of them.
  expect(fingerprint(at('stack.yaml'))).toBe(written)
  const silence = next('stack.yaml')
  await sleep(250)
  ended.abort()
  expect(await silence).toEqual([])
})

test('a half-written file is waited for until its writer has closed it', async () => {
  write('stack.yaml', 'services:')
  const fd = openSync(at('stack.yaml'), 'w')
  const begun = performance.now()
  const change = next('stack.yaml').then((names) => ({
    names,
    // Or for too long, where this process was stalled meanwhile.
    isInTime: isClosed || performance.now() - begun > WATCH_WAIT_MS_MAX,
  }))
  let isClosed = false
  writeSync(fd, 'services: {we')
  // Longer than a pause between two writes of an editor.
  await sleep(400)
  writeSync(fd, 'b: {}}')
  isClosed = true
  closeSync(fd)
  expect(await change).toEqual({ names: ['stack.yaml'], isInTime: true })
})

test('a writer that is never done holds nobody up', async () => {
  write('stack.yaml', 'a')
  const change = next('stack.yaml')
  const fd = openSync(at('stack.yaml'), 'a')
  const writing = setInterval(() => appendFileSync(fd, 'b'), 20)
  expect(await change).toEqual(['stack.yaml'])
  clearInterval(writing)
  closeSync(fd)
}, 20_000)

test('a change between the reading and the watching is not missed', async () => {
  write('stack.yaml', 'a')
  const seen = new Map([[at('stack.yaml'), fingerprint(at('stack.yaml'))]])
  write('stack.yaml', 'bb')
  expect(await nextChange({ seen, base: folder, signal: ended.signal })).toHaveLength(1)
})

test('files beside those that are watched are no change', async () => {
  write('stack.yaml', 'a')
  const change = next('stack.yaml')
  write('other.yaml', 'b')
  mkdirSync(at('node_modules'))
  await sleep(250)
  ended.abort()
  expect(await change).toEqual([])
})
