/** What an action does to the observed state when it succeeds: the pure half of each action. */

import type { Action, NetworkSpec, ObservedContainer, ObservedState } from './model.ts'
import { anonymousVolumes } from './resources.ts'

/**
 * The state after `action`. Folding it over a plan predicts the end; planning again from there
 * finds nothing to do. What only the machine knows (pid, times, addresses, bridge names) stays
 * absent.
 */
// oxlint-disable-next-line typescript/consistent-return -- the switch covers every kind
export function effect(observed: ObservedState, action: Action): ObservedState {
  if ('volume' in action) return volumeEffect(observed, action)
  if ('network' in action) return networkEffect(observed, action)
  switch (action.kind) {
    case 'create-container':
      return { ...observed, containers: [...observed.containers, containerOf(action)] }
    case 'update-container':
      return changed(observed, action.container.name, (each) => ({
        ...each,
        spec: action.container.spec,
      }))
    case 'start-container':
      return changed(observed, action.name, started)
    case 'stop-container':
      return changed(observed, action.name, stopped)
    case 'remove-container':
      return removed(observed, action)
    case 'pause-container':
    case 'unpause-container':
      return changed(observed, action.name, pausedOr(action.kind))
    case 'settle-update':
    // What a program makes of a signal nobody can say.
    case 'signal-container': // fallthrough
      return observed
  }
}

function networkEffect(
  observed: ObservedState,
  action: ActionOf<'create-network' | 'remove-network'>,
): ObservedState {
  if (action.kind === 'create-network') {
    return { ...observed, networks: [...observed.networks, networkOf(action.network)] }
  }
  return {
    ...observed,
    networks: observed.networks.filter(({ spec }) => spec.name !== action.network.name),
  }
}

function volumeEffect(
  observed: ObservedState,
  { kind, volume }: ActionOf<'create-volume' | 'remove-volume'>,
): ObservedState {
  if (kind === 'remove-volume') return withoutVolumes(observed, [volume.name])
  return { ...observed, volumes: [...observed.volumes, { spec: volume, path: '' }] }
}

function pausedOr(kind: 'pause-container' | 'unpause-container') {
  const state = kind === 'pause-container' ? 'paused' : 'running'
  return (each: ObservedContainer): ObservedContainer => ({ ...each, state })
}

type ActionOf<K extends Action['kind']> = Extract<Action, { readonly kind: K }>

function networkOf(network: NetworkSpec): ObservedState['networks'][number] {
  return {
    spec: network,
    bridge: '',
    subnets: network.subnets.map((each) => each.subnet),
    gateways: network.subnets.flatMap((each) => (each.gateway === undefined ? [] : [each.gateway])),
  }
}

function containerOf({ container }: ActionOf<'create-container'>): ObservedContainer {
  return {
    ...container,
    state: 'created',
    health: 'none',
    attempt: 0,
    oomKilled: false,
    stoppedByUser: false,
    addresses: [],
    ports: [],
  }
}

function started(container: ObservedContainer): ObservedContainer {
  const { exitCode: _, finishedAt: __, failure: ___, restartAt: ____, ...rest } = container
  return {
    ...rest,
    state: 'running',
    health: container.spec.healthcheck === undefined ? 'none' : 'starting',
    attempt: container.attempt + 1,
    oomKilled: false,
    stoppedByUser: false,
  }
}

function stopped(container: ObservedContainer): ObservedContainer {
  const { pid: _, restartAt: __, ...rest } = container
  return { ...rest, state: 'exited', health: 'none', stoppedByUser: true, addresses: [], ports: [] }
}

function removed(observed: ObservedState, action: ActionOf<'remove-container'>): ObservedState {
  const container = observed.containers.find((each) => each.name === action.name)
  const rest = {
    ...observed,
    containers: observed.containers.filter((each) => each.name !== action.name),
  }
  if (container === undefined || !action.anonymousVolumes) return rest
  return withoutVolumes(rest, anonymousVolumes(container.spec))
}

function withoutVolumes(observed: ObservedState, names: readonly string[]): ObservedState {
  return {
    ...observed,
    volumes: observed.volumes.filter(({ spec }) => !names.includes(spec.name)),
  }
}

function changed(
  observed: ObservedState,
  name: string,
  change: (container: ObservedContainer) => ObservedContainer,
): ObservedState {
  return {
    ...observed,
    containers: observed.containers.map((each) => (each.name === name ? change(each) : each)),
  }
}
