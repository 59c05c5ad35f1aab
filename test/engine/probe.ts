/** Looking around in a container: the lines of a script, and what they say about rights. */
import { sh, type Service, type World } from './support.ts'

/** Docker's default capabilities, as a status file of proc(5) shows them. */
export const DOCKER_CAPABILITIES = '00000000a80425fb'

/** No capability or signal, as a status file shows it. */
export const NONE = '0000000000000000'

/** What `script` writes in a container of its own, as lines; stderr among them. */
export async function probeIn(
  world: World,
  script: string,
  service: Service = {},
): Promise<readonly string[]> {
  const { output } = await world.run({ ...sh(`exec 2>&1\n${script}`), ...service })
  return output.split('\n').slice(0, -1)
}

/** Fields of a /proc/PID/status in the lines. */
export function fields(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((line) => line.split(/:\s*/) as [string, string]))
}
