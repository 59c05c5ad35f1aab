/**
 * The child's last steps: giving privileges up, in an order that is itself a defence, and execve.
 */

import {
  canSetGroups,
  capabilityMask,
  type Label,
  loadSeccomp,
  type Program,
} from '../../linux/index.ts'
import { raiseAmbient, writeCapset } from './capability-sets.ts'
import type { CapabilitySets, ProgramInput } from './child.ts'
import { FD } from './descriptors.ts'
import * as kernel from './kernel.ts'

const DESCRIPTORS = { firstPassed: FD.firstPassed, firstClosed: FD.fifo }

/** Bytes for getcwd(2); its result is only looked at for the leading slash. */
const PATH_MAX = 4096

/** Appends everything from no_new_privs to execve. */
export function writeCredentials(program: Program, input: ProgramInput, onError: Label): void {
  const { process } = input
  if (process.noNewPrivileges) {
    program.call('prctl', [kernel.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0], { onError })
  } else {
    // Without no_new_privs loading a filter takes CAP_SYS_ADMIN, so it comes before that goes.
    loadFilter(program, input, onError)
  }
  dropBoundingSet(program, input, onError)
  program.call('prctl', [kernel.PR_SET_KEEPCAPS, 1, 0, 0, 0], { onError })
  // Nothing of the host may be reachable as /proc/self/fd/N when the working directory is entered.
  const { firstPassed, firstClosed } = input.descriptors ?? DESCRIPTORS
  program.call('close_range', [firstPassed, kernel.ALL_DESCRIPTORS, 0], { onError })
  enterWorkingDirectory(program, input, onError)
  setCapabilities(program, input, onError)
  // The container does not outlive its monitor: nobody would ever learn how it ended.
  if (input.outlivesParent !== true) {
    program.call('prctl', [kernel.PR_SET_PDEATHSIG, kernel.SIGKILL, 0, 0, 0], { onError })
  }
  const closeOnExec = [firstClosed, kernel.ALL_DESCRIPTORS, kernel.CLOSE_RANGE_CLOEXEC]
  program.call('close_range', closeOnExec, { onError })
  if (process.noNewPrivileges) loadFilter(program, input, onError)
  execute(program, input, onError)
}

/**
 * The same for a bundle, whose filter may forbid what is done here: after it come but two calls.
 */
export function writeBundleCredentials(
  program: Program,
  input: ProgramInput,
  onError: Label,
): void {
  const { firstPassed, firstClosed } = input.descriptors ?? DESCRIPTORS
  const { noNewPrivileges } = input.process
  if (noNewPrivileges) program.call('prctl', [kernel.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0], { onError })
  dropBoundingSet(program, input, onError)
  program.call('prctl', [kernel.PR_SET_KEEPCAPS, 1, 0, 0, 0], { onError })
  program.call('close_range', [firstPassed, kernel.ALL_DESCRIPTORS, 0], { onError })
  enterWorkingDirectory(program, input, onError)
  const closeOnExec = [firstClosed, kernel.ALL_DESCRIPTORS, kernel.CLOSE_RANGE_CLOEXEC]
  program.call('close_range', closeOnExec, { onError })
  // Without no_new_privs the filter is loaded by CAP_SYS_ADMIN, which goes after it.
  const needsAdmin = input.seccomp !== undefined && !noNewPrivileges
  const sets = setsOf(input)
  const admin = needsAdmin ? capabilityMask(['SYS_ADMIN']) : 0n
  const { effective, permitted } = sets
  const first = { ...sets, effective: effective | admin, permitted: permitted | admin }
  setCapabilities(program, { ...input, capabilitySets: first }, onError)
  loadFilter(program, input, onError)
  if (needsAdmin) writeCapset(program, sets, onError)
  execute(program, input, onError)
}

function loadFilter(program: Program, { seccomp }: ProgramInput, onError: Label): void {
  if (seccomp) loadSeccomp(program, seccomp, { onError })
}

function dropBoundingSet(program: Program, input: ProgramInput, onError: Label): void {
  for (let capability = 0; capability <= input.lastCapability; capability += 1) {
    if (((input.capabilityMask >> BigInt(capability)) & 1n) === 1n) continue
    program.call('prctl', [kernel.PR_CAPBSET_DROP, capability, 0, 0, 0], { onError })
  }
}

/** As root first (root may enter what the user may not list), then as the user when that failed. */
function enterWorkingDirectory(program: Program, input: ProgramInput, onError: Label): void {
  const { cwd, user } = input.process
  const path = program.text(cwd)
  const entered = program.word()
  program.call('chdir', [path], { store: entered })
  setUser(program, user, onError)
  const inside = program.label('inside')
  program.compute(entered, { onZero: inside })
  program.call('chdir', [path], { onError })
  program.place(inside)
  // A directory outside of the root reads as "(unreachable)…": CVE-2024-21626.
  const buffer = program.zeroed(PATH_MAX)
  program.call('getcwd', [buffer, PATH_MAX], { onError, note: `getcwd() in "${cwd}"` })
  const checked = program.label('checked')
  program.compute(buffer, { mask: 0xff, plus: -0x2f, onZero: checked })
  program.call('exit_group', [126])
  program.place(checked)
}

function setUser(program: Program, user: ProgramInput['process']['user'], onError: Label): void {
  const groups = Buffer.alloc(Math.max(4, user.additionalGids.length * 4))
  for (const [index, gid] of user.additionalGids.entries()) groups.writeUInt32LE(gid, index * 4)
  if (canSetGroups())
    program.call('setgroups', [user.additionalGids.length, program.bytes(groups)], { onError })
  program.call('setresgid', [user.gid, user.gid, user.gid], { onError })
  program.call('setresuid', [user.uid, user.uid, user.uid], { onError })
}

function setCapabilities(program: Program, input: ProgramInput, onError: Label): void {
  program.call('prctl', [kernel.PR_SET_KEEPCAPS, 0, 0, 0, 0], { onError })
  const sets = setsOf(input)
  writeCapset(program, sets, onError)
  program.call('prctl', [kernel.PR_CAP_AMBIENT, kernel.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0], {
    onError,
  })
  raiseAmbient(program, sets.ambient, onError)
}

/**
 * Unless a bundle says otherwise, root has the bounding set; inheritable and ambient are empty
 * (CVE-2022-29162). Others have nothing: execve would take it from them, but under no_new_privs
 * leave what the program's file asks for, and until then they could execute what is not theirs.
 */
function setsOf({ capabilityMask, capabilitySets, process }: ProgramInput): CapabilitySets {
  const own = process.user.uid === 0 ? capabilityMask : 0n
  return capabilitySets ?? { effective: own, permitted: own, inheritable: 0n, ambient: 0n }
}

function execute(program: Program, input: ProgramInput, onError: Label): void {
  const { args, env } = input.process
  const strings = (list: readonly string[]): number =>
    program.pointers(list.map((text) => program.text(text)))
  if (input.init) {
    program.call(
      'execveat',
      [FD.init, program.text(''), strings(['tsstack-init']), strings(env), kernel.AT_EMPTY_PATH],
      { onError, note: 'execveat(init)' },
    )
    return
  }
  program.call('execve', [program.text(input.executable), strings(args), strings(env)], {
    onError,
    note: `exec(${JSON.stringify(args[0])})`,
  })
}
