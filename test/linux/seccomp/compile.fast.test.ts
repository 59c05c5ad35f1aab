import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { assert, constantFrom, property, tuple } from '../../support/random.ts'
import { describe, expect, test } from 'vitest'
import { CAPABILITIES, DEFAULT_CAPABILITIES } from '../../../src/linux/capabilities.ts'
import { compileSeccomp, type SeccompOptions } from '../../../src/linux/seccomp/compile.ts'
import { DEFAULT_SECCOMP_PROFILE, type SeccompProfile } from '../../../src/linux/seccomp/profile.ts'
import { type Abi, syscallTable } from '../../../src/linux/syscalls/index.ts'
import { plainReading } from './plain-reading.ts'
import { ALLOW, AUDIT, ENOSYS, EPERM, KILL_PROCESS, runFilter } from './bpf.ts'

const DEFAULTS: SeccompOptions = {
  profile: DEFAULT_SECCOMP_PROFILE,
  architecture: 'x64',
  capabilities: DEFAULT_CAPABILITIES,
  kernel: '6.18.0',
}

const BPF_RETURN = 0x06 // BPF_RET | BPF_K, include/uapi/linux/bpf_common.h

/** The verdict for a call by its name, with `args`. */
function verdict(
  name: string,
  options: Partial<SeccompOptions> & { readonly abi?: Abi; readonly args?: readonly bigint[] } = {},
): number {
  const { abi = options.architecture ?? 'x64', args } = options
  const number = syscallTable(abi).get(name)
  if (number === undefined) throw new Error(`${abi} has no ${name}`)
  return runFilter(compileSeccomp({ ...DEFAULTS, ...options }), {
    number,
    audit: AUDIT[abi],
    ...(args && { args }),
  })
}

// What a container with Docker's 14 capabilities is refused on x86-64, as measured with runc.
const DENIED = `
  syslog uselib ustat sysfs vhangup pivot_root _sysctl acct settimeofday mount umount2 swapon
  swapoff reboot sethostname setdomainname iopl ioperm create_module init_module delete_module
  get_kernel_syms query_module quotactl nfsservctl getpmsg putpmsg afs_syscall tuxcall security
  lookup_dcookie clock_settime vserver mbind set_mempolicy get_mempolicy kexec_load add_key
  request_key keyctl migrate_pages unshare move_pages perf_event_open fanotify_init
  open_by_handle_at setns kcmp finit_module kexec_file_load bpf userfaultfd uprobe io_uring_setup
  io_uring_enter io_uring_register open_tree move_mount fsopen fsconfig fsmount fspick pidfd_getfd
  process_madvise mount_setattr quotactl_fd set_mempolicy_home_node lsm_get_self_attr
  lsm_set_self_attr lsm_list_modules open_tree_attr file_getattr file_setattr listns
  rseq_slice_yield`
  .trim()
  .split(/\s+/)

describe('compileSeccomp() of the default profile', () => {
  test('answers calls of x32 as a kernel without it does, and the others as before', () => {
    expect(verdict('read', { abi: 'x32', x32: false })).toBe(ENOSYS)
    expect(verdict('mount', { abi: 'x32', x32: false })).toBe(ENOSYS)
    for (const abi of ['x64', 'i386'] as const) {
      for (const name of syscallTable(abi).keys()) {
        expect([name, verdict(name, { abi, x32: false })]).toEqual([name, verdict(name, { abi })])
      }
    }
  })

  test('has each of its answers once, for the kernel compiles it for every container', () => {
    const filter = compileSeccomp({ ...DEFAULTS, x32: false })
    const instructions = filter.length / 8
    const codes = Array.from({ length: instructions }, (_, at) => filter.readUInt16LE(8 * at))
    const ends = codes.filter((code) => code === BPF_RETURN)
    expect(instructions).toBeLessThan(300)
    // Those of calls whose arguments count have their own.
    expect(ends.length).toBeLessThan(40)
  })

  test('refuses exactly what Docker refuses on x86-64, and allows the rest', () => {
    const conditional = ['clone', 'socket', 'personality']
    const names = [...syscallTable('x64').keys()]
    const isRefused = (name: string): boolean => verdict(name) !== ALLOW && name !== 'clone3'
    expect(names.filter((name) => !conditional.includes(name) && isRefused(name)).sort()).toEqual(
      [...DENIED].sort(),
    )
    expect(verdict('clone3')).toBe(ENOSYS)
    expect(names).toHaveLength(385)
  })

  test.each<[Abi, SeccompOptions['architecture']]>([
    ['x64', 'x64'],
    ['x32', 'x64'],
    ['i386', 'x64'],
    ['arm64', 'arm64'],
    ['arm', 'arm64'],
  ])('answers every number of %s as the profile read line by line says', (abi, architecture) => {
    for (const capabilities of [DEFAULT_CAPABILITIES, [], CAPABILITIES]) {
      const filter = compileSeccomp({ ...DEFAULTS, architecture, capabilities })
      const expected = plainReading({ abi, architecture, capabilities })
      const base = abi === 'x32' ? 0x40000000 : 0
      const numbers = new Set([...expected.keys(), 0xffffffff, 983040, 983049])
      for (let number = 0; number < 1200; number++) numbers.add(base + number)
      for (const number of numbers) {
        const seen = runFilter(filter, { number, audit: AUDIT[abi] })
        expect([number, seen]).toEqual([number, expected.get(number) ?? ENOSYS])
      }
    }
  })

  test('answers ENOSYS for a call that came after the profile, EPERM for an older one', () => {
    expect(verdict('listns')).toBe(ENOSYS)
    expect(verdict('mount')).toBe(EPERM)
    expect(verdict('io_uring_setup')).toBe(EPERM)
    const filter = compileSeccomp(DEFAULTS)
    expect(runFilter(filter, { number: 400, audit: AUDIT.x64 })).toBe(ENOSYS)
    expect(runFilter(filter, { number: 100_000, audit: AUDIT.x64 })).toBe(ENOSYS)
  })

  test('kills a process of any other architecture', () => {
    for (const audit of [AUDIT.arm64, AUDIT.arm, 0, 0x80000016]) {
      expect(runFilter(compileSeccomp(DEFAULTS), { number: 0, audit })).toBe(KILL_PROCESS)
    }
    const arm = compileSeccomp({ ...DEFAULTS, architecture: 'arm64' })
    expect(runFilter(arm, { number: 0, audit: AUDIT.x64 })).toBe(KILL_PROCESS)
  })

  test.each<[bigint, number]>([
    [0n, ALLOW],
    [0x01200011n, ALLOW], // fork
    [0x003d0f00n, ALLOW], // a thread
    [0x10000000n, EPERM], // CLONE_NEWUSER
    [0x00020000n, EPERM],
    [0x40000000n, EPERM],
    [0xffffffff_00000011n, ALLOW], // the kernel ignores the high half
    [0xffffffff_40000011n, EPERM],
  ])('clone with flags 0x%s', (flags, expected) => {
    expect(verdict('clone', { args: [flags] })).toBe(expected)
    expect(verdict('clone', { args: [flags], architecture: 'arm64' })).toBe(expected)
  })

  test.each<[bigint, number]>([
    [2n, ALLOW],
    [37n, ALLOW],
    [38n, EPERM], // AF_ALG
    [39n, ALLOW],
    [40n, EPERM], // AF_VSOCK
    [41n, ALLOW],
    [0x1_0000_0028n, EPERM], // AF_VSOCK with a high bit that the kernel ignores
    [0x1_0000_0026n, EPERM],
    [0xffffffff_00000028n, EPERM],
  ])('socket of family 0x%s', (family, expected) => {
    for (const abi of ['x64', 'x32', 'i386'] as const) {
      expect(verdict('socket', { abi, args: [family] })).toBe(expected)
    }
  })

  test.each<[bigint, number]>([
    [0n, ALLOW],
    [8n, ALLOW],
    [0x20000n, ALLOW],
    [0x20008n, ALLOW],
    [0xffffffffn, ALLOW],
    [0xffffffff_ffffffffn, ALLOW], // the same int, sign-extended by the caller
    [0x40000n, EPERM], // ADDR_NO_RANDOMIZE
    [1n, EPERM],
  ])('personality 0x%s', (persona, expected) => {
    expect(verdict('personality', { args: [persona] })).toBe(expected)
  })

  test('refuses socketcall of 32-bit x86, unless it is asked for', () => {
    expect(verdict('socketcall', { abi: 'i386' })).toBe(EPERM)
    expect(verdict('socketcall', { abi: 'i386', allowSocketcall: true })).toBe(ALLOW)
  })

  test('lets capabilities of the bounding set open what they are for', () => {
    const withAdmin = { capabilities: [...DEFAULT_CAPABILITIES, 'CAP_SYS_ADMIN'] }
    expect(verdict('mount', withAdmin)).toBe(ALLOW)
    expect(verdict('clone3', withAdmin)).toBe(ALLOW)
    expect(verdict('clone', { ...withAdmin, args: [0x10000000n] })).toBe(ALLOW)
    expect(verdict('chroot')).toBe(ALLOW)
    expect(verdict('chroot', { capabilities: [] })).toBe(EPERM)
    expect(verdict('perf_event_open', { capabilities: ['perfmon'] })).toBe(ALLOW)
  })

  test('keeps ptrace from kernels before 4.8', () => {
    expect(verdict('ptrace', { kernel: '4.7.10' })).toBe(EPERM)
    expect(verdict('ptrace', { kernel: '4.8.0' })).toBe(ALLOW)
    expect(verdict('ptrace', { kernel: '10.0.0' })).toBe(ALLOW)
  })

  test('fits the kernel’s limit with room to spare', () => {
    for (const architecture of ['x64', 'arm64'] as const) {
      expect(compileSeccomp({ ...DEFAULTS, architecture }).length / 8).toBeLessThan(1500)
    }
  })
})

describe('compileSeccomp() of a profile of one’s own', () => {
  const HOLDS: Readonly<Record<string, (arg: bigint, value: bigint, two: bigint) => boolean>> = {
    SCMP_CMP_NE: (arg, value) => arg !== value,
    SCMP_CMP_LT: (arg, value) => arg < value,
    SCMP_CMP_LE: (arg, value) => arg <= value,
    SCMP_CMP_EQ: (arg, value) => arg === value,
    SCMP_CMP_GE: (arg, value) => arg >= value,
    SCMP_CMP_GT: (arg, value) => arg > value,
    SCMP_CMP_MASKED_EQ: (arg, value, two) => (arg & value) === two,
  }
  // Numbers that share halves, so that equal high words and equal low words do come up.
  const half = constantFrom(0, 1, 2, 0x7fff, 0xfffff)
  const wide = tuple(half, half).map(([high, low]) => high * 2 ** 32 + low)

  test.each(Object.keys(HOLDS))('compares all 64 bits of an argument with %s', (op) => {
    assert(
      property(wide, wide, wide, (arg, value, valueTwo) => {
        const own = ownProfile([
          {
            names: ['read'],
            action: 'SCMP_ACT_ALLOW',
            args: [{ index: 2, value, valueTwo, op }],
          },
        ])
        const expected = HOLDS[op]?.(BigInt(arg), BigInt(value), BigInt(valueTwo)) ? ALLOW : EPERM
        const args = [0n, 0n, BigInt(arg)]
        expect(verdict('read', { profile: own, args })).toBe(expected)
      }),
    )
  })

  test('needs all comparisons of different arguments, one of those of the same', () => {
    const own = ownProfile([
      {
        names: ['read'],
        action: 'SCMP_ACT_ALLOW',
        args: [
          { index: 0, value: 1, op: 'SCMP_CMP_EQ' },
          { index: 1, value: 2, op: 'SCMP_CMP_EQ' },
        ],
      },
      {
        names: ['write'],
        action: 'SCMP_ACT_ALLOW',
        args: [
          { index: 0, value: 1, op: 'SCMP_CMP_EQ' },
          { index: 0, value: 2, op: 'SCMP_CMP_EQ' },
        ],
      },
    ])
    const of = (name: string, ...args: bigint[]): number => verdict(name, { profile: own, args })
    expect([of('read', 1n, 2n), of('read', 1n, 3n)]).toEqual([ALLOW, EPERM])
    expect([of('write', 1n), of('write', 2n), of('write', 3n)]).toEqual([ALLOW, ALLOW, EPERM])
  })

  test('jumps further than one instruction reaches', () => {
    const names = [...syscallTable('x64').keys()].slice(0, 150)
    const own = ownProfile(
      names.map((name, number) => ({
        names: [name],
        action: 'SCMP_ACT_ALLOW',
        args: [{ index: 5, value: number, op: 'SCMP_CMP_EQ' }],
      })),
    )
    const filter = compileSeccomp({ ...DEFAULTS, profile: own, architecture: 'x64' })
    expect(filter.length / 8).toBeGreaterThan(1000)
    for (const [number] of names.entries()) {
      const at = (arg: number): number =>
        runFilter(filter, {
          number,
          audit: AUDIT.x64,
          args: [0n, 0n, 0n, 0n, 0n, BigInt(arg)],
        })
      expect([at(number), at(number + 1)]).toEqual([ALLOW, EPERM])
    }
  })

  test('refuses an action, an operator or an argument that it does not know', () => {
    expect(compilingRule({ action: 'SCMP_ACT_NOTIFY' })).toThrow('action "SCMP_ACT_NOTIFY"')
    expect(compilingRule({ args: [{ index: 0, value: 0, op: 'SCMP_CMP_ODD' }] })).toThrow(
      '"SCMP_CMP_ODD"',
    )
    expect(compilingRule({ args: [{ index: 6, value: 0, op: 'SCMP_CMP_EQ' }] })).toThrow(
      'argument 6',
    )
  })
})

test('the default profile is the file that NOTICE names, byte for byte', () => {
  const path = join(import.meta.dirname, '../../../src/linux/seccomp/default-profile.json')
  expect(createHash('sha256').update(readFileSync(path)).digest('hex')).toBe(
    '536529b665dd0972c37bfb569f5d4ac8a53592e7b00752bc39ff063ca9864c74',
  )
})

function ownProfile(syscalls: SeccompProfile['syscalls']): SeccompProfile {
  return { defaultAction: 'SCMP_ACT_ERRNO', syscalls }
}

function compilingRule(rule: Partial<SeccompProfile['syscalls'][number]>): () => Buffer {
  const profile = ownProfile([{ names: ['read'], action: 'SCMP_ACT_ALLOW', ...rule }])
  return () => compileSeccomp({ ...DEFAULTS, profile })
}
