/** bpf(2) for device programs: load, attach to a v2 group, replace in one step, read back. */

import { closeSync } from 'node:fs'
import koffi from 'koffi'
import { isErrno } from '../../errors.ts'
import { BPF_LOAD_TRIES_MAX } from '../../limits.ts'
import { check, declareSyscall } from '../libc.ts'
import { syscallNumber } from '../syscalls/index.ts'

/**
 * Makes `program` the only device program of the group that `directory` is open on, and reads that
 * back. An equal program that is attached already stays.
 * @throws {KernelError} such as EINVAL where the kernel lacks CONFIG_CGROUP_BPF.
 */
export function attachDeviceProgram(directory: number, program: Uint8Array): void {
  const loaded = load(program)
  const attached = attachedPrograms(directory).map(openProgram)
  try {
    const wanted = information(loaded)
    const kept = attached.find((fd) => information(fd).tag === wanted.tag)
    const [replaced] = attached
    if (kept === undefined) attach(directory, loaded, replaced)
    for (const fd of attached) if (fd !== kept && fd !== replaced) detach(directory, fd)
    if (kept !== undefined && replaced !== undefined && replaced !== kept)
      detach(directory, replaced)
    verify(directory, kept === undefined ? wanted.id : information(kept).id)
  } finally {
    for (const fd of [loaded, ...attached]) closeSync(fd)
  }
}

/** The tag of every device program of the group: the kernel's hash of its instructions. */
export function deviceProgramTags(directory: number): readonly string[] {
  return attachedPrograms(directory).map((id) => {
    const fd = openProgram(id)
    try {
      return information(fd).tag
    } finally {
      closeSync(fd)
    }
  })
}

// include/uapi/linux/bpf.h: enum bpf_cmd, bpf_prog_type, bpf_attach_type and attach flags
const BPF_PROG_LOAD = 5
const BPF_PROG_ATTACH = 8
const BPF_PROG_DETACH = 9
const BPF_PROG_GET_FD_BY_ID = 13
const BPF_OBJ_GET_INFO_BY_FD = 15
const BPF_PROG_QUERY = 16
const BPF_PROG_TYPE_CGROUP_DEVICE = 15
const BPF_CGROUP_DEVICE = 6
const BPF_F_ALLOW_MULTI = 2
const BPF_F_REPLACE = 4

/**
 * More programs than the kernel attaches to one group: BPF_CGROUP_MAX_PROGS of kernel/bpf/cgroup.c.
 */
const PROGRAMS_MAX = 64

/**
 * One command. `fields` are 32-bit numbers and 64-bit pointers at their offsets in union bpf_attr.
 */
function bpf(
  command: number,
  name: string,
  fields: Readonly<Record<number, number | bigint>>,
): { readonly result: number; readonly attributes: DataView } {
  // Zeros behind the fields that a kernel knows are what it asks for.
  const attributes = new DataView(new ArrayBuffer(128))
  for (const [offset, value] of Object.entries(fields)) {
    if (typeof value === 'bigint') attributes.setBigUint64(Number(offset), value, true)
    else attributes.setUint32(Number(offset), value, true)
  }
  const call = declareSyscall(syscallNumber('bpf'), ['int', 'void *', 'unsigned int'])
  const bytes = new Uint8Array(attributes.buffer)
  const result = check(call(command, bytes, attributes.byteLength), {
    syscall: 'bpf',
    args: [name],
  })
  return { result, attributes }
}

/**
 * A signal that is pending makes the verifier give up with EAGAIN, and node gets one for each child
 * that ends. @see kernel/bpf/verifier.c, do_check; tools/lib/bpf/bpf.c, sys_bpf_prog_load
 */
function load(program: Uint8Array): number {
  for (let tried = 1; ; tried += 1) {
    try {
      return tryLoad(program)
    } catch (error) {
      const isDisturbed = isErrno(error, 'EAGAIN')
      if (!isDisturbed || tried >= BPF_LOAD_TRIES_MAX) throw error
    }
  }
}

function tryLoad(program: Uint8Array): number {
  const license = Buffer.from('Apache-2.0\0')
  return bpf(BPF_PROG_LOAD, 'BPF_PROG_LOAD', {
    0: BPF_PROG_TYPE_CGROUP_DEVICE,
    4: program.length / 8,
    8: koffi.address(program),
    16: koffi.address(license),
  }).result
}

function attach(directory: number, program: number, replaced: number | undefined): void {
  const flags = BPF_F_ALLOW_MULTI | (replaced === undefined ? 0 : BPF_F_REPLACE)
  bpf(BPF_PROG_ATTACH, 'BPF_PROG_ATTACH', {
    0: directory,
    4: program,
    8: BPF_CGROUP_DEVICE,
    12: flags,
    16: replaced ?? 0,
  })
}

function detach(directory: number, program: number): void {
  bpf(BPF_PROG_DETACH, 'BPF_PROG_DETACH', { 0: directory, 4: program, 8: BPF_CGROUP_DEVICE })
}

function attachedPrograms(directory: number): readonly number[] {
  const ids = new Uint32Array(PROGRAMS_MAX)
  const { attributes } = bpf(BPF_PROG_QUERY, 'BPF_PROG_QUERY', {
    0: directory,
    4: BPF_CGROUP_DEVICE,
    16: koffi.address(ids),
    24: PROGRAMS_MAX,
  })
  return [...ids.subarray(0, attributes.getUint32(24, true))]
}

function openProgram(id: number): number {
  return bpf(BPF_PROG_GET_FD_BY_ID, 'BPF_PROG_GET_FD_BY_ID', { 0: id }).result
}

/** struct bpf_prog_info begins with type, id and tag[8]. */
function information(program: number): { readonly id: number; readonly tag: string } {
  const info = Buffer.alloc(16)
  bpf(BPF_OBJ_GET_INFO_BY_FD, 'BPF_OBJ_GET_INFO_BY_FD', {
    0: program,
    4: info.length,
    8: koffi.address(info),
  })
  return { id: info.readUInt32LE(4), tag: info.toString('hex', 8, 16) }
}

function verify(directory: number, id: number): void {
  const attached = attachedPrograms(directory)
  if (attached.length === 1 && attached[0] === id) return
  throw new Error(`Device programs of the group are ${attached.join(', ')}; ${id} alone is needed`)
}
