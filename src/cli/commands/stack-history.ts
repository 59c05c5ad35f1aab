/**
 * `tsstack history`: what was applied, and when. `tsstack history IMAGE`: how an image was made, as
 * with Docker.
 */

import type { Revision } from '../../daemon/index.ts'
import type { Difference } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { history as imageHistory } from './history.ts'
import { durationText } from '../duration.ts'
import { addStackOptions, formatOption, jsonOption } from '../options.ts'
import { print, wantsJson } from '../output.ts'
import { readHistory } from '../revisions.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const historyCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[image]', 'how this image was made')
      .addOption(jsonOption())
      .addOption(formatOption())
      .action((image: string | undefined, flags: HistoryFlags) =>
        run((context) =>
          image === undefined ? history(context, wantsJson(flags)) : imageHistory(context, image),
        ),
      )
  },
}

interface HistoryFlags {
  readonly json?: boolean
  readonly format?: string
}

async function history(context: Context, json: boolean): Promise<number> {
  const { revisions } = await readHistory(context)
  const { compareStacks } = await import('../../planner/index.ts')
  const entries = revisions.map((revision, at) => {
    const before = revisions[at - 1]
    const differences = before ? compareStacks(before.desired, revision.desired) : undefined
    return { revision, differences }
  })
  if (json) {
    print(JSON.stringify(entries.map(toJson), undefined, 2))
    return 0
  }
  const rows = entries.map(({ revision, differences }) => [
    `${revision.number}`,
    `${durationText(Date.now() - revision.appliedAt)} ago`,
    safeText(changesText(revision, differences)),
  ])
  print(table(['REVISION', 'APPLIED', 'CHANGES'], rows))
  return 0
}

interface Entry {
  readonly revision: Revision
  readonly differences: readonly Difference[] | undefined
}

/** `web changed, db added`; of the first, how many containers there were. */
function changesText({ desired }: Revision, differences: Entry['differences']): string {
  if (differences === undefined) return `first: ${desired.containers.length} containers`
  const texts = differences.map(({ name, change }) => `${name} ${change}`)
  return texts.length === 0 ? 'none of substance' : texts.join(', ')
}

function toJson({ revision, differences }: Entry): unknown {
  const { number, appliedAt, desired } = revision
  return {
    revision: number,
    appliedAt: new Date(appliedAt).toISOString(),
    files: desired.source.files,
    containers: desired.containers.map(({ name }) => name),
    changes: (differences ?? []).map(({ subject, name, change }) => ({ subject, name, change })),
  }
}
