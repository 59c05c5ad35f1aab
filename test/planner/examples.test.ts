/** From the text of a stack file to a plan and back, through both pure rooms. */

import { globSync, readFileSync, statSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { desire, describe, plan } from '../../src/planner/index.ts'
import { loadStack, type Loader } from '../../src/spec/index.ts'
import { expectSound } from './check.ts'

const EXAMPLES = resolve(import.meta.dirname, '../../examples')

const disk: Loader = {
  readFile: (path) => readFileSync(path),
  kindOf: (path) => {
    const found = statSync(path, { throwIfNoEntry: false })
    if (found === undefined) return 'absent'
    return found.isDirectory() ? 'directory' : 'file'
  },
}

test.each(globSync('*/stack.yaml', { cwd: EXAMPLES }).toSorted())(
  'desire() and plan() understand all of examples/%s',
  (file) => {
    const { stack, diagnostics, projectDirectory, files } = loadStack({
      cwd: EXAMPLES,
      env: { TSSTACK_NODE: '/usr/bin/node' },
      loader: disk,
      files: [join(EXAMPLES, file)],
    })
    const desired = desire(stack, { directory: projectDirectory, files })
    const observed = { stack: stack.name, containers: [], networks: [], volumes: [] }
    const found = plan({ desired, observed, now: 0 })
    expect(diagnostics).toEqual([])
    expect(JSON.parse(JSON.stringify(desired))).toStrictEqual(desired)
    expect(describe(found)).toContain(`${found.actions.length - desired.containers.length} to add`)
    expectSound({ desired, observed }, found, {})
  },
)
