/** Completion as a shell does it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { CLI, type Scene, SLEEP, useScene } from './cli-scene.ts'

let scene: Scene
useScene((opened) => (scene = opened))

/** What bash offers after these words, the last of which is being typed. */
async function offered(...words: readonly string[]): Promise<string> {
  const script = [
    `tsstack() { '${process.execPath}' '${CLI}' "$@"; }`,
    'source <(tsstack completion bash)',
    `COMP_WORDS=(tsstack ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}`,
    '_tsstack; echo "${COMPREPLY[@]}"',
  ]
  const file = join(scene.folder, 'complete.sh')
  writeFileSync(file, script.join('\n'))
  const { stdout, stderr } = await scene.sandbox.inNetns(['bash', file], { cwd: scene.folder })
  expect(stderr).toBe('')
  return stdout.trim()
}

test('bash completes commands, options and services', async () => {
  scene.write({ web: SLEEP, worker: SLEEP, db: SLEEP })
  expect(await offered('unp')).toBe('unpause')
  expect(await offered('-f', 'compose.yaml', 'hist')).toBe('history')
  expect(await offered('restart', '--no-')).toBe('--no-deps')
  expect(await offered('restart', 'w')).toBe('web worker')
})

/** What zsh offers: its own two ways of offering are replaced by ones that print. */
async function zshOffered(...words: readonly string[]): Promise<readonly string[]> {
  const script = [
    'compdef() { }; _files() { }',
    'compadd() { shift; print -rl -- $@ }; _describe() { print -rl -- ${(P)2%%:*} }',
    'eval "$(tsstack completion zsh)"',
    `words=(tsstack ${words.map((word) => `'${word}'`).join(' ')}); CURRENT=${words.length + 1}`,
    '_tsstack',
  ]
  return linesOf('zsh', ['-f', '-c', [own(), ...script].join('\n')])
}

const fishOffered = (line: string): Promise<readonly string[]> =>
  linesOf('fish', [
    '--no-config',
    '-c',
    `function tsstack; '${process.execPath}' '${CLI}' $argv; end
tsstack completion fish | source
complete -C '${line}'`,
  ])

const own = (): string => `tsstack() { '${process.execPath}' '${CLI}' "$@"; }`

async function linesOf(shell: string, words: readonly string[]): Promise<readonly string[]> {
  const { stdout, stderr } = await scene.sandbox.inNetns([shell, ...words], { cwd: scene.folder })
  expect(stderr).toBe('')
  return stdout.trim().split('\n')
}

test('zsh completes commands, options and services', async () => {
  scene.write({ web: SLEEP, worker: SLEEP, db: SLEEP })
  expect(await zshOffered('unp')).toEqual(expect.arrayContaining(['unpause', 'up', 'cp']))
  expect(await zshOffered('restart', '--no')).toEqual(expect.arrayContaining(['--no-deps']))
  expect(await zshOffered('restart', 'w')).toEqual(['db', 'web', 'worker'])
})

test('fish completes commands with what they do, and services', async () => {
  scene.write({ web: SLEEP, worker: SLEEP, db: SLEEP })
  expect(await fishOffered('tsstack unp')).toEqual([expect.stringMatching(/^unpause\t\w/)])
  expect(await fishOffered('tsstack restart w')).toEqual(expect.arrayContaining(['web', 'worker']))
  expect(await fishOffered('tsstack restart --no-')).toEqual(['--no-deps'])
})

test('another shell is refused', async () => {
  const wrong = await scene.run('completion', 'tcsh')
  expect(wrong).toMatchObject({ code: 2 })
  expect(wrong.stderr).toContain('it is bash, zsh or fish')
})
