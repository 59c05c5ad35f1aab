/** `tsstack audit`: what each service may do, and what about that is worth a second look. */

import { Option } from 'commander'
import { appArmor, auditStack } from '../../daemon/index.ts'
import type { AuditedService, Severity } from '../../planner/index.ts'
import { appArmorText } from '../app-armor-text.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, formatOption, jsonOption } from '../options.ts'
import { print, say, wantsJson } from '../output.ts'
import { safeText } from '../safe-text.ts'
import { table } from '../table.ts'

export const auditCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('[services...]', 'these only')
      .addOption(
        new Option(
          '--fail-on <severity>',
          'end with 1 for a finding of this severity or a higher one',
        )
          .choices(['high', 'medium', 'low', 'never'])
          .default('high'),
      )
      .option('--ignore <rules>', 'rules that are accepted, comma-separated')
      .addOption(jsonOption())
      .addOption(formatOption())
      .action((services: readonly string[], flags: AuditFlags) =>
        run((context) => audit(context, services, flags)),
      )
  },
}

interface AuditFlags {
  readonly failOn: Severity | 'never'
  readonly ignore?: string
  readonly json?: boolean
  readonly format?: string
}

const ORDER: readonly (Severity | 'never')[] = ['never', 'high', 'medium', 'low']

async function audit(
  { input }: Context,
  services: readonly string[],
  flags: AuditFlags,
): Promise<number> {
  const { audited, warnings } = await auditStack(input(), services)
  if (warnings !== '') say(warnings.trimEnd())
  const ignored = new Set((flags.ignore ?? '').split(',').map((rule) => rule.trim()))
  const shown = audited.map((each) => ({
    ...each,
    findings: each.findings.filter(({ rule }) => !ignored.has(rule)),
  }))
  const host = { appArmor: await appArmor() }
  if (wantsJson(flags)) print(JSON.stringify({ version: 1, services: shown, host }, undefined, 2))
  else {
    printText(shown)
    print(`\nAppArmor: ${appArmorText(host.appArmor)}`)
  }
  const isFailing = (severity: Severity): boolean =>
    ORDER.indexOf(severity) <= ORDER.indexOf(flags.failOn)
  return shown.some(({ findings }) => findings.some((each) => isFailing(each.severity))) ? 1 : 0
}

const HEAD = [
  'SERVICE',
  'USER',
  'USERNS',
  'CAPS',
  'SECCOMP',
  'NNP',
  'SHARED',
  'HOST PATHS',
  'PUBLISHED',
] as const

function printText(services: readonly AuditedService[]): void {
  print(table(HEAD, services.map(rowOf)))
  for (const { service, findings } of services) {
    for (const { severity, rule, message, advice } of findings) {
      const head = `${severity.toUpperCase().padEnd(6)} ${safeText(service)} [${rule}]`
      print(`\n${head} ${safeText(message)}\n       ${safeText(advice)}`)
    }
  }
}

function list(items: readonly string[]): string {
  return items.map(safeText).join(',') || '-'
}

function rowOf(audited: AuditedService): readonly string[] {
  const { service, user, userNamespace, capabilities, seccomp, noNewPrivileges } = audited
  return [
    safeText(service),
    safeText(user) || '-',
    safeText(userNamespace),
    capabilities[0] === 'ALL' ? 'all' : String(capabilities.length),
    safeText(seccomp),
    noNewPrivileges ? 'yes' : 'no',
    list(audited.sharedNamespaces),
    list(audited.writableHostPaths),
    list(audited.published),
  ]
}
