/**
 * `tsstack explain KEY.PATH`: a value, where it came from, and what it means. `tsstack explain
 * SERVICE`: why the service is as it is.
 */

import { explain as explainValue } from '../../daemon/index.ts'
import { UsageError } from '../../errors.ts'
import type { Explanation, Origin } from '../../spec/index.ts'
import type { CommandModule } from '../command.ts'
import type { Context } from '../context.ts'
import { addStackOptions, jsonOption } from '../options.ts'
import { print } from '../output.ts'
import { safeText } from '../safe-text.ts'

export const explainCommand: CommandModule = {
  define: (command, run) => {
    addStackOptions(command)
      .argument('<service|key.path>', 'web, services.web.ports[0], services.web.labels["a.b"]')
      .addOption(jsonOption())
      .action((path: string, { json = false }: { readonly json?: boolean }) =>
        run((context) => explain(context, path, json)),
      )
  },
}

/** A word that is no key at the top of a stack file is a service. */
const TOP_KEYS = /^(?:name|version|include|services|networks|volumes|configs|secrets|models|x-.*)$/

async function explain(context: Context, path: string, json: boolean): Promise<number> {
  if (!json && /^[\w-]+$/.test(path) && !TOP_KEYS.test(path)) {
    const { explainService } = await import('../explain-service.ts')
    return explainService(context, path)
  }
  const found = await explainValue(context.input(), path)
  if ('missing' in found) {
    const details = { code: 'NO_SUCH_KEY', hint: found.hint } as const
    throw new UsageError(`Cannot explain "${path}": the stack has no such key`, details)
  }
  print(json ? JSON.stringify(found, undefined, 2) : explanationText(found))
  return 0
}

/**
 * The value, its places with the winner first, and the meaning:
 *
 *     services.web.image = "nginx:2"
 *       compose.override.yaml:3:12
 *       compose.yaml:3:12: was "nginx:1", from "nginx:${TAG}"
 *     Root filesystem of the containers: …
 */
function explanationText(found: Explanation): string {
  const [winner, ...replaced] = found.origins
  const lines = [
    `${found.path} = ${valueText(found.value)}`,
    ...(winner === undefined ? [] : [`  ${placeText(winner)}${templateText(winner)}`]),
    ...replaced.map(
      (origin) =>
        `  ${placeText(origin)}: replaced ${valueText(origin.value)}${templateText(origin)}`,
    ),
    ...(found.meaning === undefined ? [] : [found.meaning]),
    ...(found.noEffect === undefined ? [] : [`It has no effect: ${found.noEffect}`]),
  ]
  return safeText(lines.join('\n'))
}

function placeText({ file, line, column }: Origin): string {
  return `${file}:${line}:${column}`
}

function templateText({ template }: Origin): string {
  return template === undefined ? '' : `, filled in from ${JSON.stringify(template)}`
}

/** In one line when it is short. */
function valueText(value: unknown): string {
  const line = JSON.stringify(value)
  return line.length <= LINE_MAX ? line : JSON.stringify(value, undefined, 2)
}

const LINE_MAX = 80
