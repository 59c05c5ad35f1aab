/** `tsstack diff`: what differs between two revisions of a stack. Status 0: nothing; 2: something. */

import type { Difference } from '../../planner/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, jsonOption } from '../options.ts'
import { print } from '../output.ts'
import { readHistory, revisionOf } from '../revisions.ts'
import { safeText } from '../safe-text.ts'

export const diffCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[revision]', 'number, or -1 for the one before the newest', '-1')
      .argument('[other]', 'default: the newest')
      .addOption(jsonOption())
      .action((from: string, to: string | undefined, flags: { readonly json?: boolean }) =>
        run((context) => diff(context, { from, to, json: flags.json === true })),
      )
  },
}

const STATUS_DIFFERENT = 2

async function diff(
  context: Context,
  wanted: { readonly from: string; readonly to: string | undefined; readonly json: boolean },
): Promise<number> {
  const history = await readHistory(context)
  const before = revisionOf(history, wanted.from)
  const after = revisionOf(history, wanted.to ?? `${history.revisions.at(-1)?.number ?? 0}`)
  const { compareStacks, describeField } = await import('../../planner/index.ts')
  const differences = compareStacks(before.desired, after.desired)
  if (wanted.json) {
    const list = differences.map((each) => ({ ...each, fields: each.fields.map(describeField) }))
    print(JSON.stringify(list, undefined, 2))
  } else {
    const head = `revision ${before.number} → ${after.number}`
    const lines = differences.flatMap((each) => describe(each, describeField))
    print(lines.length === 0 ? `${head}: nothing differs` : [head, ...lines].join('\n'))
  }
  return differences.length > 0 ? STATUS_DIFFERENT : 0
}

const SIGNS = { added: '+', removed: '-', changed: '±' } as const

function describe(
  { subject, name, change, fields }: Difference,
  describeField: (field: Difference['fields'][number]) => string,
): readonly string[] {
  const head = `${SIGNS[change]} ${subject} ${safeText(name)}`
  return [head, ...fields.map((field) => `    ${describeField(field)}`)]
}
