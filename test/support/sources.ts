/** The project's own source files, for the tests that read them. */
import { globSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const PROJECT = resolve(import.meta.dirname, '../..')

export interface SourceFile {
  /** From the project's directory: `src/planner/plan.ts`. */
  readonly path: string
  readonly text: string
}

/** Every .ts, .mjs and .js file below `directory`. */
export function sourceFiles(directory: string): readonly SourceFile[] {
  return globSync(`${directory}/**/*.{ts,mjs,js}`, { cwd: PROJECT })
    .toSorted()
    .map((path) => ({ path, text: readFileSync(resolve(PROJECT, path), 'utf8') }))
}
