/** Hooks of CDI devices: programs of the host's that change a container's files before it runs. */
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { sh, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

/** A vendor whom no machine has. */
const FILE = '/etc/cdi/tsstack-hooks.json'
beforeEach(() => mkdirSync('/etc/cdi', { recursive: true }))
afterEach(() => rmSync(FILE, { force: true }))

const cdi = ['tsstack.hooks/gpu=0']

interface Hook {
  readonly hookName?: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  readonly timeout?: number
}

/** Writes a device whose hooks run `script`, with the path of the container's root in $ROOT. */
function describe(script: string, hooks: readonly Hook[]): void {
  const path = join(world.root, 'share/hook')
  mkdirSync(join(world.root, 'share'), { recursive: true })
  const state =
    'STATE=$(cat); BUNDLE=$(echo "$STATE" | sed "s/.*\\"bundle\\":\\"\\([^\\"]*\\).*/\\1/")'
  const root = 'ROOT=$(sed "s/.*\\"path\\":\\"\\([^\\"]*\\).*/\\1/" $BUNDLE/config.json)'
  writeFileSync(path, `#!/bin/sh\n${state}\n${root}\n${script}\n`, { mode: 0o755 })
  const library = join(world.root, 'share/libgpu.so.1.2')
  writeFileSync(library, 'library\n')
  const containerEdits = {
    mounts: [{ hostPath: library, containerPath: '/lib/libgpu.so.1.2', options: ['ro'] }],
    hooks: hooks.map((hook) => ({ hookName: 'createContainer', path, ...hook })),
  }
  const device = { name: '0', containerEdits }
  const content = { cdiVersion: '0.6.0', kind: 'tsstack.hooks/gpu', devices: [device] }
  writeFileSync(FILE, JSON.stringify(content), { mode: 0o644 })
}

const LINK = 'test -s $ROOT/lib/libgpu.so.1.2 && ln -s libgpu.so.1.2 $ROOT/lib/libgpu.so.1'

test('a hook finds the mounts in place, and its links are there for the program', async () => {
  describe(LINK, [{ args: ['hook', 'create-symlinks'] }])
  const lines = linesOf(await world.run({ ...sh('cat /lib/libgpu.so.1'), cdi }))
  expect(lines).toEqual(['library'])
})

test('a hook changes the files of a container whose root is read-only to itself', async () => {
  describe(LINK, [{}])
  const script = 'cat /lib/libgpu.so.1; touch /lib/other 2>&1'
  const lines = linesOf(await world.run({ ...sh(script), cdi, readOnly: true }))
  expect(lines).toEqual(['library', 'touch: /lib/other: Read-only file system'])
})

test('hooks run in the order of their times, with their own arguments and variables', async () => {
  describe('echo "$1 $NAME" >> $ROOT/order', [
    { args: ['hook', 'third'], env: ['NAME=c'] },
    { hookName: 'createRuntime', args: ['hook', 'second'], env: ['NAME=b'] },
    { hookName: 'prestart', args: ['hook', 'first'], env: ['NAME=a'] },
  ])
  const spec = { ...sh('cat /order; env'), cdi, environment: { LD_PRELOAD: '/evil.so' } }
  const lines = linesOf(await world.run(spec))
  expect(lines.slice(0, 3)).toEqual(['first a', 'second b', 'third c'])
})

test('what the image and the service say does not reach a hook', async () => {
  describe('env | grep -c EVIL > $ROOT/seen; pwd >> $ROOT/seen; ls -l /proc/self/fd | wc -l', [{}])
  const spec = { ...sh('cat /seen'), cdi, environment: { EVIL: 'x' }, workingDir: '/tmp' }
  expect(linesOf(await world.run(spec)).slice(0, 2)).toEqual(['0', '/'])
})

test('what a hook makes for a container with users of its own belongs to their root', async () => {
  describe(`${LINK}; mkdir $ROOT/made; echo content > $ROOT/made/file`, [{}])
  const namespaces = { user: { kind: 'own' } } as const
  const script = 'cat /lib/libgpu.so.1; stat -c %u:%g /made /made/file; touch /made/file 2>&1'
  const spec = { ...sh(`${script} && echo more >> /made/file && cat /made/file`), cdi, namespaces }
  const lines = ['library', '0:0', '0:0']
  expect(linesOf(await world.run(spec))).toEqual([...lines, 'content', 'more'])
  const readOnly = linesOf(await world.run({ ...spec, readOnly: true }))
  expect(readOnly).toEqual([...lines, 'touch: /made/file: Read-only file system'])
})

test('a hook that fails keeps the container from starting, with its words', async () => {
  describe('echo "no driver here" >&2; exit 3', [{}])
  const outcomes = JSON.stringify(await world.apply({ one: { ...sh('true'), cdi } }))
  expect(outcomes).toMatch(/createContainer hook .* failed: exit status 3/)
  expect(outcomes).toContain('no driver here')
  expect(readdirSync(join(world.root, 'run/containers'))).toEqual([])
})

test('a hook that takes too long is ended, and so is the start', async () => {
  describe('exec sleep 600', [{ timeout: 0.2 }])
  const outcomes = JSON.stringify(await world.apply({ one: { ...sh('true'), cdi } }))
  expect(outcomes).toContain('it took longer than 0.2 s')
})

test('hooks of a file that others may write to are refused', async () => {
  describe(LINK, [{}])
  chmodSync(FILE, 0o666)
  const outcomes = JSON.stringify(await world.apply({ one: { ...sh('true'), cdi } }))
  expect(outcomes).toContain('others may write to it')
})

function linesOf({ output }: { readonly output: string }): readonly string[] {
  return output.trim().split('\n')
}
