// Writes the manual pages of all commands into dist/man, from what their help says: part of the
// build.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { COMMANDS } from '../src/cli/commands.ts'
import { manName, manPage, visibleCommands } from '../src/cli/man-page.ts'
import { createProgram } from '../src/cli/program.ts'

const PROJECT = resolve(import.meta.dirname, '..')

/** Name and text of each page: of the program, its commands, and their commands. */
export async function manPages() {
  const { version } = JSON.parse(readFileSync(join(PROJECT, 'package.json'), 'utf8'))
  // Only what may have been typed gets its grammar: all of them.
  const names = COMMANDS.map(({ name }) => name)
  const program = await createProgram(['help', ...names], () => undefined)
  const all = [program, ...below(program)]
  return new Map(all.map((command) => [manName(command), manPage(command, version)]))
}

function below(command) {
  return visibleCommands(command).flatMap((each) => [each, ...below(each)])
}

if (import.meta.main) {
  const directory = join(PROJECT, 'dist/man')
  mkdirSync(directory, { recursive: true })
  const pages = await manPages()
  for (const [name, text] of pages) writeFileSync(join(directory, name), text)
  console.log(`dist/man: ${pages.size} pages`)
}
