/** Numbers of system calls by name and architecture; two calls may share one number's alias. */

import { ARM } from './arm.ts'
import { ARM64 } from './arm64.ts'
import { I386 } from './i386.ts'
import { X32, X32_ABSENT, X64 } from './x64.ts'

/** Architectures tsstack runs on, as node names them. */
export type Architecture = 'x64' | 'arm64'

/** Application binary interfaces a seccomp filter sees. */
export type Abi = Architecture | 'x32' | 'i386' | 'arm'

/** System calls that both x64 and arm64 have: what launch programs and typed calls may use. */
export type SyscallName = Words<typeof X64> & Words<typeof ARM64>

/** The architecture of this process; tsstack is not offered for others (package.json "cpu"). */
export const ARCHITECTURE: Architecture = process.arch === 'arm64' ? 'arm64' : 'x64'

/** Bit 30 marks an x32 call in the number (arch/x86/include/uapi/asm/unistd.h). */
export const X32_BIT: number = 0x40000000

const tables = new Map<Abi, ReadonlyMap<string, number>>()

/** Every name of the interface with its number. */
export function syscallTable(abi: Abi): ReadonlyMap<string, number> {
  const known = tables.get(abi)
  if (known) return known
  const table =
    abi === 'x32' ? x32Table() : parse({ x64: X64, i386: I386, arm64: ARM64, arm: ARM }[abi])
  tables.set(abi, table)
  return table
}

/** Number of `name` on `architecture`. */
export function syscallNumber(
  name: SyscallName,
  architecture: Architecture = ARCHITECTURE,
): number {
  const number = syscallTable(architecture).get(name)
  if (number === undefined) throw new Error(`No system call of ${architecture} is named "${name}"`)
  return number
}

function parse(words: string): Map<string, number> {
  const table = new Map<string, number>()
  let next = 0
  for (const word of words.trim().split(/\s+/)) {
    if (word.startsWith('=')) next = Number(word.slice(1))
    else table.set(word, next++)
  }
  return table
}

function x32Table(): Map<string, number> {
  const table = parse(X64)
  for (const absent of X32_ABSENT.trim().split(/\s+/)) table.delete(absent)
  for (const [name, number] of parse(X32)) table.set(name, number)
  for (const [name, number] of table) table.set(name, number + X32_BIT)
  return table
}

type Words<Text extends string, Found = never> = Text extends `${infer Line}\n${infer Rest}`
  ? Words<Rest, Found | LineWords<Line>>
  : Found | LineWords<Text>

type LineWords<Line extends string, Found = never> = Line extends `${infer Word} ${infer Rest}`
  ? LineWords<Rest, Found | Name<Word>>
  : Found | Name<Line>

type Name<Word extends string> = Word extends '' | `=${number}` ? never : Word
