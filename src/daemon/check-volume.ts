/** What `tsstack volume` sends, checked. */

import type { VolumeCommand } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import { listOf, plainObject, recordOf, text, textLike } from './check.ts'

/** Names become parts of paths; those of anonymous volumes have "@" and "=". */
const name = textLike(
  /^[a-zA-Z0-9][a-zA-Z0-9_.@=-]{0,254}$/,
  'a name of letters, digits, "_", "." and "-"',
)
const names = listOf(name)

/** @throws {UsageError} that names the field. */
export function volumeCommand(value: unknown): VolumeCommand {
  const body = plainObject(value, 'command')
  const kind = text(body['do'], 'command.do')
  switch (kind) {
    case 'create': {
      const spec = plainObject(body['spec'], 'command.spec')
      const own = name(spec['name'], 'command.spec.name')
      return {
        do: kind,
        spec: {
          key: own,
          name: own,
          external: false,
          driver: text(spec['driver'], 'command.spec.driver'),
          driverOptions: recordOf(text)(spec['driverOptions'], 'command.spec.driverOptions'),
          labels: recordOf(text)(spec['labels'], 'command.spec.labels'),
        },
      }
    }
    case 'remove':
      return { do: kind, volumes: names(body['volumes'], 'command.volumes') }
    case 'prune':
      return { do: kind, all: body['all'] === true }
    default:
      throw new UsageError(`Cannot understand the request: "${kind}" is nothing to do to a volume`)
  }
}
