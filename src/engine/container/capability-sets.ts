/** Appends calls that set what the calling process may do. */

import type { Label, Program } from '../../linux/index.ts'
import type { CapabilitySets } from './child.ts'
import * as kernel from './kernel.ts'

/** Of the sets of capabilities, two words of 32. */
const MASK_BITS = 64

/** capset(2); the ambient set is one of its own. */
export function writeCapset(program: Program, sets: CapabilitySets, onError: Label): void {
  const header = Buffer.alloc(8)
  header.writeUInt32LE(kernel.LINUX_CAPABILITY_VERSION_3, 0)
  const data = Buffer.alloc(24)
  for (const word of [0, 1]) {
    for (const [index, name] of (['effective', 'permitted', 'inheritable'] as const).entries()) {
      const bits = Number((sets[name] >> BigInt(32 * word)) & 0xffffffffn)
      data.writeUInt32LE(bits, word * 12 + index * 4)
    }
  }
  program.call('capset', [program.bytes(header), program.bytes(data)], { onError })
}

/** Those that a program executed by one who is not root keeps; permitted and inheritable already. */
export function raiseAmbient(program: Program, capabilities: bigint, onError: Label): void {
  for (let capability = 0; capability < MASK_BITS; capability += 1) {
    if (((capabilities >> BigInt(capability)) & 1n) === 0n) continue
    const raise = [kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_RAISE, capability, 0, 0]
    program.call('prctl', raise, { onError, note: `prctl(PR_CAP_AMBIENT_RAISE, ${capability})` })
  }
}

/**
 * Makes the process another user, whose files those are that it makes, and keeps `capabilities`
 * for itself and what it executes.
 */
export function becomeWithRights(
  program: Program,
  { id, capabilities }: { readonly id: number; readonly capabilities: bigint },
  onError: Label,
): void {
  program.call('prctl', [kernel.PR_SET_KEEPCAPS, 1, 0, 0, 0], { onError })
  program.call('setgroups', [0, 0], { onError })
  program.call('setresgid', [id, id, id], { onError })
  program.call('setresuid', [id, id, id], { onError })
  const sets = { effective: capabilities, permitted: capabilities, inheritable: capabilities }
  writeCapset(program, { ...sets, ambient: capabilities }, onError)
  raiseAmbient(program, capabilities, onError)
}
