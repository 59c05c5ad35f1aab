/**
 * `tsstack status`: whether the kernel has what a stack should have, field by field. Status 0: it
 * has; 2: something has drifted.
 */

import type { KernelFact } from '../../daemon/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, formatOption, jsonOption } from '../options.ts'
import { print, wantsJson } from '../output.ts'
import { askFor } from '../request.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const statusCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]')
      .option('-a, --all', 'fields that are in sync as well')
      .addOption(jsonOption())
      .addOption(formatOption())
      .action((services: readonly string[], flags: StatusFlags) =>
        run((context) => status(context, services, flags)),
      )
  },
}

interface StatusFlags {
  readonly all?: boolean
  readonly json?: boolean
  readonly format?: string
}

const STATUS_DRIFTED = 2
const HEAD = ['NAME', 'FIELD', 'STATE', 'DESIRED', 'ACTUAL'] as const

async function status(
  { asking, input }: Context,
  services: readonly string[],
  flags: StatusFlags,
): Promise<number> {
  const request = { kind: 'facts', input: input(), services } as const
  const { stack, facts: known, isFirewallWhole } = await askFor(asking, request, 'facts')
  const facts = [...known, firewallFact(stack, isFirewallWhole)]
  const drifted = facts.filter(({ desired, actual }) => desired !== actual)
  if (wantsJson(flags)) {
    print(JSON.stringify(facts.map(toJson), undefined, 2))
  } else {
    const rows = (flags.all === true ? facts : drifted).map(toRow)
    if (rows.length > 0) print(table(HEAD, rows))
    const inSync = facts.length - drifted.length
    const fields = inSync === 1 ? 'field' : 'fields'
    print(`${stack}: ${inSync} ${fields} in sync, ${drifted.length} drifted`)
  }
  return drifted.length > 0 ? STATUS_DRIFTED : 0
}

function firewallFact(stack: string, isWhole: boolean): KernelFact {
  const common = { subject: 'network', name: stack, field: 'firewall', desired: 'rules of ours' }
  return { ...common, actual: isWhole ? 'rules of ours' : 'incomplete' } as KernelFact
}

function stateOf({ desired, actual }: KernelFact): string {
  return desired === actual ? 'InSync' : 'Drifted'
}

function toRow(fact: KernelFact): readonly string[] {
  const { name, field, desired, actual } = fact
  return [name, field, stateOf(fact), desired, actual].map(safeText)
}

function toJson(fact: KernelFact): unknown {
  return { ...fact, state: stateOf(fact) }
}
