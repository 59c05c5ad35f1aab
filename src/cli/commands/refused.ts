/** Commands of Docker Compose that there are not here: why, and what does the same. */

import { UsageError } from '../../errors.ts'
import type { CommandModule } from '../command.ts'

const WHY = {
  publish: {
    why: 'stack files are not kept in registries here',
    hint: 'keep it with its sources, or hand out: tsstack config --resolve-image-digests -o FILE',
  },
  bridge: {
    why: 'it makes files for other orchestrators by programs that are images of Docker',
    hint: 'hand them what they read: tsstack config --format json',
  },
  systemd: {
    why: 'it is a command of podman-compose',
    hint: 'a stack that comes back after a reboot needs its restart policies, and: tsstack enable',
  },
} as const

/** `alpha` has had commands that have other names by now. */
const ALPHA: Readonly<Record<string, string>> = {
  viz: 'tsstack graph',
  scale: 'tsstack scale SERVICE=NUMBER',
  watch: 'tsstack watch',
  'dry-run': 'tsstack --dry-run COMMAND',
  publish: WHY.publish.hint,
  generate: 'tsstack import-docker, for images and volumes of Docker',
}

export const publishCommand: CommandModule = refusal('publish')
export const bridgeCommand: CommandModule = refusal('bridge')
export const systemdCommand: CommandModule = refusal('systemd')

export const alphaCommand: CommandModule = taking((words) => {
  const known = words.find((word) => Object.hasOwn(ALPHA, word))
  const hint = known === undefined ? 'see: tsstack --help' : `use: ${ALPHA[known]}`
  return cannot('alpha', 'nothing here is an experiment by that name', hint)
})

function refusal(name: keyof typeof WHY): CommandModule {
  const { why, hint } = WHY[name]
  return taking(() => cannot(name, why, hint))
}

/** Whatever its words are. */
function taking(errorOf: (words: readonly string[]) => UsageError): CommandModule {
  return {
    define: (command, run) => {
      command
        .argument('[words...]')
        .allowUnknownOption()
        .action((words: readonly string[]) =>
          run(() => {
            throw errorOf(words)
          }),
        )
    },
  }
}

function cannot(name: string, why: string, hint: string): UsageError {
  return new UsageError(`Cannot "${name}": ${why}`, { code: 'NOT_SUPPORTED', hint })
}
