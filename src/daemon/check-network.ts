/** What `tsstack network` and `tsstack net` send, checked. */

import type { NetworkCommand } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import { listOf, plainObject, recordOf, text, textLike } from './check.ts'

/** Names become parts of paths and of kernel objects. */
const name = textLike(
  /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/,
  'a name of letters, digits, "_", "." and "-"',
)
const names = listOf(name)

/** @throws {UsageError} that names the field. */
export function networkCommand(value: unknown): NetworkCommand {
  const body = plainObject(value, 'command')
  const kind = text(body['do'], 'command.do')
  switch (kind) {
    case 'create': {
      const spec = plainObject(body['spec'], 'command.spec')
      name(spec['name'], 'command.spec.name')
      text(spec['driver'], 'command.spec.driver')
      recordOf(text)(spec['driverOptions'], 'command.spec.driverOptions')
      return body as unknown as NetworkCommand
    }
    case 'prune':
      return { do: 'prune' }
    case 'remove':
      return { do: kind, networks: names(body['networks'], 'command.networks') }
    case 'connect':
      name(body['container'], 'command.container')
      name(plainObject(body['attachment'], 'command.attachment')['network'], 'command.network')
      return body as unknown as NetworkCommand
    case 'disconnect':
      name(body['container'], 'command.container')
      name(body['network'], 'command.network')
      return body as unknown as NetworkCommand
    case 'degrade':
    case 'partition':
    case 'heal':
      names(body['containers'], 'command.containers')
      if (kind === 'partition') names(body['others'], 'command.others')
      if (kind === 'degrade') plainObject(body['faults'], 'command.faults')
      return body as unknown as NetworkCommand
    default:
      throw new UsageError(`Cannot understand the request: "${kind}" is nothing to do to a network`)
  }
}
