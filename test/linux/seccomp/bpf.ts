/** Runs classic BPF filters as the kernel does, from the description in linux/filter.h alone. */

export interface SeccompData {
  readonly number: number
  readonly audit: number
  readonly args?: readonly bigint[]
}

export const AUDIT = {
  x64: 0xc000003e,
  x32: 0xc000003e,
  i386: 0x40000003,
  arm64: 0xc00000b7,
  arm: 0x40000028,
} as const

export const ALLOW = 0x7fff0000
export const EPERM = 0x00050001
export const ENOSYS = 0x00050026
export const KILL_PROCESS = 0x80000000

function dataBytes({ number, audit, args = [] }: SeccompData): Buffer {
  const bytes = Buffer.alloc(64)
  bytes.writeUInt32LE(number >>> 0, 0)
  bytes.writeUInt32LE(audit, 4)
  for (const [index, arg] of args.entries()) {
    bytes.writeBigUInt64LE(BigInt.asUintN(64, arg), 16 + 8 * index)
  }
  return bytes
}

/** Conditional jumps by their code: what is loaded against the instruction's value. */
const CONDITIONS: Readonly<Record<number, (loaded: number, value: number) => boolean>> = {
  0x15: (loaded, value) => loaded === value,
  0x25: (loaded, value) => loaded > value,
  0x35: (loaded, value) => loaded >= value,
  0x45: (loaded, value) => (loaded & value) !== 0,
}

export function runFilter(filter: Buffer, input: SeccompData): number {
  const data = dataBytes(input)
  let loaded = 0
  for (let at = 0; 8 * at < filter.length; at++) {
    const code = filter.readUInt16LE(8 * at)
    const value = filter.readUInt32LE(8 * at + 4)
    const condition = CONDITIONS[code]
    if (condition) at += filter.readUInt8(8 * at + (condition(loaded, value) ? 2 : 3))
    else if (code === 0x20) loaded = data.readUInt32LE(value)
    else if (code === 0x54) loaded = (loaded & value) >>> 0
    else if (code === 0x05) at += value
    else if (code === 0x06) return value
    else throw new Error(`Instruction 0x${code.toString(16)} is not known`)
  }
  throw new Error('The filter ran past its end')
}
