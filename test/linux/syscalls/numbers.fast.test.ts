import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import {
  type Abi,
  syscallNumber,
  syscallTable,
  X32_BIT,
} from '../../../src/linux/syscalls/index.ts'

/** Where Debian's linux-libc-dev and its cross packages put the kernel's headers. */
const HEADERS: Readonly<Record<Abi, { readonly include: string[]; readonly source: string }>> = {
  x64: host('#include <asm/unistd_64.h>'),
  x32: host('#include <asm/unistd_x32.h>'),
  i386: host('#include <asm/unistd_32.h>'),
  arm64: {
    include: ['/usr/aarch64-linux-gnu/include'],
    source: '#define __BITS_PER_LONG 64\n#include <asm/unistd.h>',
  },
  arm: {
    include: ['/usr/arm-linux-gnueabihf/include'],
    source: '#define __ARM_EABI__\n#include <asm/unistd.h>',
  },
}

function host(source: string): { include: string[]; source: string } {
  return { include: ['/usr/include/x86_64-linux-gnu', '/usr/include'], source }
}

const ABIS: readonly Abi[] = ['x64', 'x32', 'i386', 'arm64', 'arm']

function hasHeaders(abi: Abi): boolean {
  const [include] = HEADERS[abi].include
  return existsSync(`${include}/asm/unistd.h`) && spawnSync('cpp', ['--version']).status === 0
}

/** Names and numbers as the C preprocessor sees them. */
function fromHeaders(abi: Abi): Map<string, number> {
  const { include, source } = HEADERS[abi]
  const flags = ['-dM', '-nostdinc', ...include.flatMap((path) => ['-I', path])]
  const text = execFileSync('cpp', flags, { input: source, encoding: 'utf8' })
  const defined = new Map(
    [...text.matchAll(/^#define (__\w+) (.+)$/gm)].map(([, name = '', value = '']) => [
      name,
      value,
    ]),
  )
  const evaluate = (value: string): number =>
    value
      .replaceAll(/[()]/g, '')
      .split('+')
      .map((term) => term.trim())
      .map((term) => (/^\d|^0x/.test(term) ? Number(term) : evaluate(defined.get(term) ?? '0')))
      .reduce((sum, term) => sum + term, 0)
  const numbers = [...defined].flatMap(([name, value]) => {
    const call = /^__(?:ARM_)?NR_(\w+)$/.exec(name)?.[1]
    return call === undefined || NO_CALLS.has(call) ? [] : [[call, evaluate(value)] as const]
  })
  return new Map(numbers)
}

/** Names of the headers that are not system calls. */
const NO_CALLS = new Set([
  'syscalls',
  'arch_specific_syscall',
  'SYSCALL_BASE',
  'OABI_SYSCALL_BASE',
  'SYSCALL_MASK',
  'BASE',
  'cmpxchg',
])

describe('syscallTable()', () => {
  // Skipped where linux-libc-dev (or its cross package) or a preprocessor is missing.
  test.each(ABIS.filter(hasHeaders))('of %s agrees with the kernel’s headers', (abi) => {
    const headers = fromHeaders(abi)
    const table = syscallTable(abi)
    const bit = abi === 'x32' ? X32_BIT : 0
    for (const [name, number] of headers) {
      const expected = number >= bit ? number : number + bit
      expect([name, table.get(name)]).toEqual([name, expected])
    }
    expect(headers.size).toBeGreaterThan(300)
  })

  test('numbers every call once, but for names that share a number', () => {
    for (const abi of ['x64', 'x32', 'i386', 'arm64'] as const) {
      const numbers = [...syscallTable(abi).values()]
      expect(new Set(numbers).size).toBe(numbers.length)
    }
    expect(syscallTable('arm').get('sync_file_range2')).toBe(341)
    expect(syscallTable('arm').get('arm_sync_file_range')).toBe(341)
  })

  test('gives calls since 5.1 the same number everywhere', () => {
    for (const [name, number] of Object.entries({ clone3: 435, openat2: 437, file_setattr: 469 })) {
      for (const abi of ['x64', 'i386', 'arm64', 'arm'] as const) {
        expect(syscallTable(abi).get(name)).toBe(number)
      }
      expect(syscallTable('x32').get(name)).toBe(X32_BIT + number)
    }
  })

  test('syscallNumber() is of the architecture asked for', () => {
    expect(syscallNumber('execve', 'x64')).toBe(59)
    expect(syscallNumber('execve', 'arm64')).toBe(221)
  })
})
