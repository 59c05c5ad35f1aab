/** Writes tar archives entry by entry, hostile ones as well: what a test says is what is written. */

export interface Entry {
  readonly name: string | Buffer
  /** Type of the header: `0` a file, `1` a hard link, `2` a symbolic link, `5` a directory … */
  readonly type?: string
  readonly link?: string | Buffer
  readonly content?: string | Buffer
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  readonly mtime?: number
  readonly major?: number
  readonly minor?: number
  /** What the header says; by default what `content` has. */
  readonly size?: number
  /** Records of an extended header before it. */
  readonly pax?: Readonly<Record<string, string | Buffer>>
}

/** The archive, with its two blocks of zeros. */
export function tar(entries: readonly Entry[]): Buffer {
  return Buffer.concat([...entries.map(entryBytes), Buffer.alloc(1024)])
}

export const file = (name: string, content = '', more: Partial<Entry> = {}): Entry => ({
  name,
  content,
  ...more,
})
export const directory = (name: string, more: Partial<Entry> = {}): Entry => ({
  name,
  type: '5',
  mode: 0o755,
  ...more,
})
export const symlink = (name: string, link: string): Entry => ({ name, type: '2', link })
/** A character device, `b` for a block one; `6` a pipe. */
export const node = (name: string, type: '3' | '4' | '6', major = 0, minor = 0): Entry => ({
  name,
  type,
  major,
  minor,
})
export const hardlink = (name: string, link: string): Entry => ({ name, type: '1', link })

export function entryBytes(entry: Entry): Buffer {
  const content = Buffer.from(entry.content ?? '')
  const pax = entry.pax === undefined ? [] : [paxBytes(entry.pax)]
  return Buffer.concat([...pax, header(entry, content), padded(content)])
}

function paxBytes(records: Readonly<Record<string, string | Buffer>>): Buffer {
  const content = Buffer.concat(
    Object.entries(records).map(([key, value]) => paxRecord(key, Buffer.from(value))),
  )
  return Buffer.concat([header({ name: 'PaxHeaders', type: 'x' }, content), padded(content)])
}

function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), value, Buffer.from('\n')])
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length += 1
  return Buffer.concat([Buffer.from(String(length)), rest])
}

function header(entry: Entry, content: Buffer): Buffer {
  const block = Buffer.alloc(512)
  Buffer.from(entry.name).copy(block, 0, 0, 100)
  octal(block, 100, 8, entry.mode ?? 0o644)
  octal(block, 108, 8, entry.uid ?? 0)
  octal(block, 116, 8, entry.gid ?? 0)
  octal(block, 124, 12, entry.size ?? content.length)
  octal(block, 136, 12, entry.mtime ?? 1_700_000_000)
  block.write(entry.type ?? '0', 156, 'latin1')
  Buffer.from(entry.link ?? '').copy(block, 157, 0, 100)
  block.write('ustar\u000000', 257, 'latin1')
  octal(block, 329, 8, entry.major ?? 0)
  octal(block, 337, 8, entry.minor ?? 0)
  return withChecksum(block)
}

/** Also for headers that a test has written itself. */
export function withChecksum(block: Buffer): Buffer {
  block.fill(' ', 148, 156)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return block
}

function octal(block: Buffer, at: number, length: number, value: number): void {
  block.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1')
}

export function padded(content: Buffer): Buffer {
  return Buffer.concat([content, Buffer.alloc((512 - (content.length % 512)) % 512)])
}
