/** Checks that no two services give their containers the same name. */
import type { CheckContext } from './check.ts'

export function checkContainerNames({ activation, report, placeOf }: CheckContext): void {
  const owners = new Map<string, string>()
  for (const [name, service] of Object.entries(activation.active)) {
    const { container_name: containerName } = service
    if (containerName === undefined) continue
    const owner = owners.get(containerName)
    if (owner === undefined) {
      owners.set(containerName, name)
      continue
    }
    report.error({
      rule: 'container-name-twice',
      place: placeOf(['services', name, 'container_name']),
      message:
        `Cannot name a container of "${name}": ` +
        `the container name "${containerName}" is already in use by service "${owner}"`,
    })
  }
}
