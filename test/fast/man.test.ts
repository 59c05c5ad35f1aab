/** Manual pages: each command has one, and it says all that the help says. */
import { expect, test } from 'vitest'
import { COMMANDS } from '../../src/cli/commands.ts'
import { manName, manPage, visibleCommands } from '../../src/cli/man-page.ts'
import { createProgram } from '../../src/cli/program.ts'

const names = COMMANDS.map(({ name }) => name)
const program = await createProgram(['help', ...names], () => undefined)

test('every command that the help lists has a page with its arguments and options', () => {
  const commands = visibleCommands(program)
  expect(commands.length).toBeGreaterThan(50)
  for (const command of commands) {
    const page = manPage(command, '1.2.3').replaceAll('\\-', '-')
    expect(page).toContain(`.SH NAME\ntsstack-${command.name()} - ${command.description()}\n`)
    for (const { flags } of command.createHelp().visibleOptions(command)) {
      expect(page, manName(command)).toContain(`.B ${flags.replaceAll('\\', '\\e')}\n`)
    }
  }
})

test('the page of the program lists its commands, and a command leads back to it', () => {
  const page = manPage(program, '1.2.3')
  expect(manName(program)).toBe('tsstack.1')
  expect(page).toContain('.TH "TSSTACK" "1" "" "tsstack 1.2.3" "tsstack"')
  expect(page).toContain('.TP\n.B unpause\n')
  const [up] = visibleCommands(program)
  expect(up && manName(up)).toBe('tsstack-up.1')
  expect(up && manPage(up, '1.2.3')).toContain('.SH SEE ALSO\n.BR tsstack (1)\n')
})
