/** The session in the README is what a user sees: each command is run, and its output compared. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { PROJECT, Sandbox, saidBy } from '../support/sandbox.ts'
import { until } from '../support/until.ts'

interface Step {
  readonly command: string
  readonly output: readonly string[]
}

let sandbox: Sandbox
beforeAll(async () => {
  sandbox = await Sandbox.open()
})
afterAll(() => sandbox.close())

test('README.md shows what its commands print', async () => {
  const steps = readSteps(readFileSync(join(PROJECT, 'README.md'), 'utf8'))
  expect(steps.length).toBeGreaterThan(5)
  for (const { command, output } of steps) {
    // The shop answers, and a log line arrives, a moment after the container has started.
    const last = output.findLast((line) => line !== '') ?? ''
    const text = await until(() => run(command), new RegExp(escape(comparable(last))))
    expect(comparableLines(text), command).toEqual(comparableLines(output.join('\n')))
  }
  expect(await sandbox.leaks()).toBe('')
})

/** In a shell in which `tsstack` is the built command line. */
async function run(command: string): Promise<string> {
  const binary = join(PROJECT, 'bin/tsstack.js')
  const script = `tsstack() { "${process.execPath}" "${binary}" "$@"; }\n${command}`
  return comparable(saidBy(await sandbox.inNetns(['sh', '-c', script])))
}

/** Indented blocks: `$ command`, then what it prints up to the next command or the end. */
function readSteps(page: string): readonly Step[] {
  const steps: { command: string; output: string[] }[] = []
  let current: { command: string; output: string[] } | undefined
  for (const line of page.split('\n')) {
    const text = line.startsWith('    ') ? line.slice(4) : undefined
    if (text?.startsWith('$ ')) steps.push((current = { command: text.slice(2), output: [] }))
    else if (text !== undefined) current?.output.push(text)
    else if (line !== '') current = undefined
  }
  return steps
}

/** Times differ from run to run. */
const comparable = (text: string): string =>
  text
    .replaceAll(/running (?:\d+ \w+|less than a second)/g, 'running …')
    .replaceAll(/About [\d.]+ s|\(\d+ ms\)/g, '(some time)')
    .replaceAll(/ +/g, ' ')

/** What runs at the same time may be told in another order. */
const comparableLines = (text: string): readonly string[] =>
  comparable(text)
    .split('\n')
    .map((line) => line.trimEnd())
    .filter(Boolean)
    .toSorted()

const escape = (text: string): string => text.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`)
