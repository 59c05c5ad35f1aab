/** Where the supervisor of a state root keeps its files and its socket. */

import { accessSync, constants, statSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** All absolute. Both directories are 0700 root unless a group was let in: see `access.ts`. */
export interface Places {
  /** Survives a reboot. */
  readonly state: string
  /** Dies with the boot; holds the socket. */
  readonly run: string
  /** The engine's part of `run`: never open to the group. */
  readonly engineRun: string
  readonly socket: string
  readonly lock: string
  readonly log: string
  /** Boot in which stacks were brought up last. */
  readonly boot: string
  /** What was stopped because the machine went down. */
  readonly shutdown: string
  /** `{"group": "NAME"}`: who may use the socket beside root. */
  readonly config: string
}

/**
 * `root`: the value of TSSTACK_ROOT, which puts everything under one directory. Without it: those
 * of root, when we are root or may use its supervisor; else our own.
 */
export function placesOf(root: string | undefined): Places {
  if (root === undefined || root === '') {
    const ofRoot = placesIn({ state: '/var/lib/tsstack', run: '/run/tsstack' })
    const isRoot = process.geteuid?.() === 0 && process.env[ROOTLESS] === undefined
    return isRoot || mayUse(ofRoot.socket) ? ofRoot : placesOfUser()
  }
  const base = resolve(root)
  return placesIn({ state: join(base, 'state'), run: join(base, 'run') })
}

/** Set for a command that is root of a user's own namespaces only. */
export const ROOTLESS = 'TSSTACK_ROOTLESS'

/** @see XDG Base Directory Specification; pam_systemd(8) for XDG_RUNTIME_DIR */
function placesOfUser(): Places {
  const { XDG_DATA_HOME: data, XDG_RUNTIME_DIR: runtime } = process.env
  const state = join(data || join(homedir(), '.local/share'), 'tsstack')
  return placesIn({ state, run: runtime ? join(runtime, 'tsstack') : join(state, 'run') })
}

function mayUse(socket: string): boolean {
  try {
    accessSync(socket, constants.W_OK)
    return true
  } catch {
    return false
  }
}

export function placesIn({ state, run }: { readonly state: string; readonly run: string }): Places {
  return {
    state,
    run,
    engineRun: join(run, 'engine'),
    socket: join(run, 'tsstack.sock'),
    lock: join(state, 'supervisor.lock'),
    log: join(state, 'supervisor.log'),
    boot: join(state, 'boot-id'),
    shutdown: join(state, 'shutdown.json'),
    config: join(state, 'config.json'),
  }
}

/** True for a user whose tsstack it is, outside of its namespaces: layers have owners of in there. */
export function isOutside({ run }: Places): boolean {
  const uid = process.geteuid?.()
  return uid !== 0 && statSync(run, { throwIfNoEntry: false })?.uid === uid
}
