import { Command } from 'commander'
import { expect, test } from 'vitest'
import { planOptions } from '../../src/cli/change-options.ts'
import { addStackOptions, mergeOptions, stackInput } from '../../src/cli/options.ts'

/** The stack options of a command line with the command `ps`, as they are understood. */
function understood(...words: readonly string[]): unknown {
  const program = addStackOptions(new Command('tsstack').enablePositionalOptions())
  const ps = addStackOptions(program.command('ps').argument('[services...]'))
  ps.action(() => undefined)
  program.parse(['node', 'tsstack', ...words])
  return mergeOptions(program.opts(), ps.opts())
}

test('mergeOptions() joins what was said before the command and after it', () => {
  expect(understood('-f', 'a.yaml', 'ps', '-f', 'b.yaml', '--profile', 'x')).toEqual({
    file: ['a.yaml', 'b.yaml'],
    envFile: [],
    profile: ['x'],
  })
})

test('mergeOptions() lets the later name win', () => {
  expect(understood('-p', 'a', 'ps', '-p', 'b')).toMatchObject({ projectName: 'b' })
  expect(understood('-p', 'a', 'ps', 'web')).toMatchObject({ projectName: 'a' })
})

test('stackInput() brings the place, the environment and the node that runs tsstack', () => {
  const input = stackInput({ file: ['a.yaml'], projectDirectory: 'dir' }, ['web'])
  expect(input).toMatchObject({
    cwd: process.cwd(),
    files: ['a.yaml'],
    projectDirectory: 'dir',
    services: ['web'],
  })
  expect(input.env).toMatchObject({ PATH: process.env['PATH'], TSSTACK_NODE: process.execPath })
  expect(input).not.toHaveProperty('projectName')
})

test('planOptions() says only what was said', () => {
  expect(planOptions({ deps: true, recreate: true }, [])).toEqual({ services: [] })
  expect(planOptions({ timeout: 0, deps: false, recreate: false }, ['web'])).toEqual({
    services: ['web'],
    graceMs: 0,
    noDeps: true,
    noRecreate: true,
  })
})
