/** Parts of the bench about stacks that stay: growth, restarts, idling, storms, logs. */
import type { Setting } from './commands.ts'
import { firstCommandGroup, growthGroups } from './growth.ts'
import { healGroup } from './heal.ts'
import { logGroups } from './logs.ts'
import type { Group } from './measure.ts'
import { idleGroups, restartGroup, stormGroup } from './supervisor.ts'

export function stayParts(
  setting: Omit<Setting, 'rounds'>,
): Readonly<Record<string, () => Promise<readonly Group[]>>> {
  return {
    growth: () => growthGroups({ ...setting, rounds: 3 }),
    first: async () => [await firstCommandGroup({ ...setting, rounds: 5 })],
    restart: async () => [await restartGroup({ ...setting, rounds: 7 })],
    heal: async () => [await healGroup({ ...setting, rounds: 7 })],
    idle: () => idleGroups({ ...setting, rounds: 1 }),
    storm: () => stormGroup({ ...setting, rounds: 1 }),
    logs: () => logGroups({ ...setting, rounds: 5 }),
  }
}
