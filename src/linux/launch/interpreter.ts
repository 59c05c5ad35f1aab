/** The machine code of launch programs, and the memory layout it counts on. */

import type { Architecture } from '../syscalls/index.ts'

/**
 * What is assembled from interpreter-x64.S and interpreter-arm64.S, which explain it.
 * `as interpreter-x64.S -o x.o && objcopy -O binary -j .text x.o x.bin && xxd -p -c 32 x.bin`
 */
export const INTERPRETER: Readonly<Record<Architecture, Buffer>> = {
  x64: hex(`
    bba80b0010488b03488b7b08488b7310488b53184c8b53204c8b43284c8b4b30
    4885c0783f0f054885c0790f891c25040c001048890425080c0010488b4b38e3
    034889014885c0488b4b407f0a488b4b487404488b4b504883eb584885c9480f
    45d9eba1488b0789f148d3f84821d0490fafc24c01c0ebc3
  `),
  arm64: hex(`
    148081d21400a2f2936201d1680240a9610a41a9631242a9651a40f90802f8b7
    010000d46000f8b6930600b9800600f969aa43a96bb244a9490000b4200100f9
    736201d11f0000f14ac18b9a8ab18a9aeafdffb4f3030aaaedffff17000040f9
    0028c19a0000028a0010039bf1ffff17
  `),
}

/**
 * Operations grow downwards from here and data upwards, so that every address is known as soon as
 * it is handed out. 0xc00 into a page: a program of up to 30 operations is one page with its data.
 */
export const TOP: number = 0x10000c00

/** Bytes of one operation: number, six arguments, store, on positive, on zero, on error. */
export const OPERATION_BYTES: number = 88

/** Where the code is mapped, readable and executable. */
export const TEXT: number = 0x08000000

/** Where zeroed scratch memory begins. */
export const SCRATCH: number = 0x20000000

/**
 * Largest page the architecture's kernels use, in bytes: segments are aligned to it.
 * Debian and Red Hat have offered arm64 kernels with pages of 64 KiB.
 */
export const PAGE_BYTES: Readonly<Record<Architecture, number>> = { x64: 0x1000, arm64: 0x10000 }

/** Bytes of hexadecimal digits in several lines. */
function hex(lines: string): Buffer {
  return Buffer.from(lines.replaceAll(/\s/g, ''), 'hex')
}
