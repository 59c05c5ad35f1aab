/** `tsstack enable` and `disable`: whether systemd brings the stacks up when the machine starts. */

import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { EngineError, UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import { print, say } from '../output.ts'
import { unitFile, unitLink, unitName, type UnitPlace, unitText } from '../systemd-unit.ts'

const UNIT_DIRECTORY = '/etc/systemd/system'

export const enableCommand: CommandModule = {
  define: (command, run) => {
    addUnitOptions(command)
      .option('--print', 'print the unit, and change nothing')
      .action((flags: UnitFlags) => run(async () => enable(flags)))
  },
}

export const disableCommand: CommandModule = {
  define: (command, run) => {
    addUnitOptions(command).action((flags: UnitFlags) => run(async () => disable(flags)))
  },
}

interface UnitFlags {
  readonly directory: string
  readonly print?: boolean
}

function addUnitOptions(command: Command): Command {
  return command.option('--directory <directory>', 'where units are', UNIT_DIRECTORY)
}

function enable(flags: UnitFlags): number {
  const place = placeOf(flags)
  const script = process.argv[1] ?? 'tsstack'
  const text = unitText(place, { node: process.execPath, script })
  if (flags.print === true) {
    print(text.trimEnd())
    return 0
  }
  const [file, link] = [unitFile(place), unitLink(place)]
  changing(file, () => {
    mkdirSync(dirname(link), { recursive: true })
    writeFileSync(file, text)
    rmSync(link, { force: true })
    symlinkSync(file, link)
  })
  say(`wrote ${file}: stacks that are up come up again when the machine starts`)
  say(
    `hint: for this boot as well: systemctl daemon-reload && systemctl start '${unitName(place)}'`,
  )
  return 0
}

function disable(flags: UnitFlags): number {
  const place = placeOf(flags)
  const file = unitFile(place)
  if (!existsSync(file)) {
    say(`there is no ${file}: nothing to change`)
    return 0
  }
  changing(file, () => {
    rmSync(unitLink(place), { force: true })
    rmSync(file, { force: true })
  })
  say(`removed ${file}; containers run on`)
  say('hint: systemctl daemon-reload; a supervisor that runs by it stays until it is stopped')
  return 0
}

function placeOf({ directory }: UnitFlags): UnitPlace {
  return { directory, root: process.env['TSSTACK_ROOT'] || undefined }
}

function changing(file: string, change: () => void): void {
  try {
    change()
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'EACCES' || code === 'EPERM') {
      throw new UsageError(`Cannot write unit "${file}": root is needed`, {
        code: 'NOT_ROOT',
        hint: 'run it with sudo',
        cause,
      })
    }
    throw new EngineError('ACTION_FAILED', `Cannot write unit "${file}": ${message}`, { cause })
  }
}
