/** The log file format: records of a 32-byte header and raw bytes, as the mover writes them. */

/**
 * Header, little-endian: magic (8), length of the bytes (8), seconds (8), nanoseconds (8).
 * The magic says which stream: `TSSLOG1` + `o` for stdout or `e` for stderr.
 */
export const HEADER_BYTES = 32

/** Bytes that one read(2) of the mover takes at most, and so the longest record. */
export const RECORD_BYTES_MAX: number = 64 * 1024

export const STREAM_MAGIC: Readonly<Record<LogStream, bigint>> = {
  stdout: magicOf('TSSLOG1o'),
  stderr: magicOf('TSSLOG1e'),
}

export type LogStream = 'stdout' | 'stderr'

export interface LogRecord {
  readonly stream: LogStream
  /** Milliseconds since the epoch. */
  readonly time: number
  readonly bytes: Buffer
}

/** Offsets inside the header. */
export const HEADER_OFFSETS = { magic: 0, length: 8, seconds: 16, nanoseconds: 24 } as const

/**
 * Decodes whole records from the start of `buffer`, and says how many bytes they took: the rest is
 * an unfinished record. Bytes that are no record (a mover killed in the middle of a write) are
 * skipped up to the next magic, so that one damaged record costs itself alone.
 */
export function decodeRecords(buffer: Buffer): {
  readonly records: readonly LogRecord[]
  readonly taken: number
} {
  const records: LogRecord[] = []
  let at = 0
  while (buffer.length - at >= HEADER_BYTES) {
    const header = decodeHeader(buffer, at)
    if (!header) {
      const next = nextMagic(buffer, at + 1)
      if (next < 0) return { records, taken: Math.max(at, buffer.length - 7) }
      at = next
      continue
    }
    const end = at + HEADER_BYTES + header.length
    if (end > buffer.length) break
    records.push({
      stream: header.stream,
      time: header.time,
      bytes: buffer.subarray(at + HEADER_BYTES, end),
    })
    at = end
  }
  return { records, taken: at }
}

function decodeHeader(
  buffer: Buffer,
  at: number,
): { readonly stream: LogStream; readonly length: number; readonly time: number } | undefined {
  const magic = buffer.readBigUInt64LE(at + HEADER_OFFSETS.magic)
  const stream = streamOf(magic)
  const length = Number(buffer.readBigUInt64LE(at + HEADER_OFFSETS.length))
  if (!stream || length === 0 || length > RECORD_BYTES_MAX) return undefined
  const seconds = Number(buffer.readBigUInt64LE(at + HEADER_OFFSETS.seconds))
  const nanoseconds = Number(buffer.readBigUInt64LE(at + HEADER_OFFSETS.nanoseconds))
  return { stream, length, time: seconds * 1000 + Math.floor(nanoseconds / 1e6) }
}

function streamOf(magic: bigint): LogStream | undefined {
  if (magic === STREAM_MAGIC.stdout) return 'stdout'
  return magic === STREAM_MAGIC.stderr ? 'stderr' : undefined
}

function nextMagic(buffer: Buffer, from: number): number {
  const found = [STREAM_MAGIC.stdout, STREAM_MAGIC.stderr]
    .map((magic) => {
      const bytes = Buffer.alloc(8)
      bytes.writeBigUInt64LE(magic)
      return buffer.indexOf(bytes, from)
    })
    .filter((at) => at >= 0)
  return found.length === 0 ? -1 : Math.min(...found)
}

function magicOf(text: string): bigint {
  return Buffer.from(text).readBigUInt64LE()
}
