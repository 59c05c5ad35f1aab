/**
 * Stacks in the canonical form of the spec room, written as one line of YAML, and what they imply.
 */

import { parse } from 'yaml'
import {
  desire,
  type ContainerSpec,
  type DesiredContainer,
  type DesiredState,
  type DesireOptions,
  type StackSource,
} from '../../src/planner/index.ts'
import type { Service, Stack } from '../../src/spec/index.ts'

export const SOURCE: StackSource = { directory: '/shop', files: ['/shop/stack.yaml'] }

/** A stack in the canonical form, `services` as one line of YAML; other parts as they are. */
export function stackOf(services: string, rest: Partial<Stack> = {}): Stack {
  const parsed = parse(`{${services}}`) as Record<string, Partial<Service> | null>
  const whole = Object.entries(parsed).map(([name, service]) => [
    name,
    { image: 'host:', command: null, entrypoint: null, networks: { default: null }, ...service },
  ])
  return {
    name: 'shop',
    services: Object.fromEntries(whole) as Stack['services'],
    networks: { default: { name: 'shop_default', ipam: {} } },
    ...rest,
  }
}

export function desired(
  services: string,
  rest?: Partial<Stack>,
  options?: DesireOptions,
): DesiredState {
  return desire(stackOf(services, rest), SOURCE, options)
}

export function first(services: string, rest?: Partial<Stack>): DesiredContainer {
  const [container] = desired(services, rest).containers
  if (container === undefined) throw new Error('The stack has no container')
  return container
}

/** The spec of the first container of `web: { … }`. */
export function web(fields: string, rest?: Partial<Stack>): ContainerSpec {
  return first(`web: { ${fields} }`, rest).spec
}

export function names(state: DesiredState): string[] {
  return state.containers.map((each) => each.name)
}
