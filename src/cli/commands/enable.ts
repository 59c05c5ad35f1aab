/** `tsstack enable` and `disable`: whether systemd brings the stacks up when the machine starts. */

import { userInfo } from 'node:os'
import { existsSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { EngineError, UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'
import { print, say } from '../output.ts'
import {
  unitFile,
  unitLink,
  unitName,
  type UnitPlace,
  unitPlace,
  unitText,
} from '../systemd-unit.ts'

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
  readonly directory?: string
  readonly print?: boolean
}

function addUnitOptions(command: Command): Command {
  const where = 'where units are: by default those of the machine, or without root your own'
  return command.option('--directory <directory>', where)
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
  say(`wrote ${file}: stacks that are up come up again when ${whenOf(place)}`)
  const systemctl = systemctlOf(place)
  const start = `${systemctl} daemon-reload && ${systemctl} start '${unitName(place)}'`
  say(`hint: for this boot as well: ${start}`)
  if (place.user && !lingers()) {
    const { username } = userInfo()
    say(
      `hint: to have them from boot on, and after you log out: loginctl enable-linger ${username}`,
    )
  }
  say('hint: what it says is in the journal: journalctl -t tsstack')
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
  const reload = `${systemctlOf(place)} daemon-reload`
  say(`hint: ${reload}; a supervisor that runs by it stays until it is stopped`)
  return 0
}

function placeOf({ directory }: UnitFlags): UnitPlace {
  const place = unitPlace(process.env, process.geteuid?.() === 0)
  return directory === undefined ? place : { ...place, directory }
}

/** A user's own systemd runs while they are logged in, unless they linger. @see loginctl(1) */
const lingers = (): boolean => existsSync(`/var/lib/systemd/linger/${userInfo().username}`)

function whenOf({ user }: UnitPlace): string {
  return user === undefined || lingers() ? 'the machine starts' : 'you log in'
}

const systemctlOf = ({ user }: UnitPlace): string =>
  user === undefined ? 'systemctl' : 'systemctl --user'

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
