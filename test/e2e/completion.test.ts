/** Completion as a shell does it. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { CLI, Scene, SLEEP } from './cli-scene.ts'

let scene: Scene
beforeEach(async () => {
  scene = await Scene.open()
})
afterEach(() => scene.close())

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

test('zsh and fish get the same commands; another shell is refused', async () => {
  expect((await scene.ok('completion', 'zsh')).stdout).toMatch(/^#compdef tsstack[^]*'unpause:/)
  expect((await scene.ok('completion', 'fish')).stdout).toContain('-a unpause -d')
  const wrong = await scene.run('completion', 'tcsh')
  expect(wrong).toMatchObject({ code: 2 })
  expect(wrong.stderr).toContain('it is bash, zsh or fish')
})
