/** What a tar archive says about one entry. Names are bytes: they need not be UTF-8. */

export type EntryKind =
  | 'file'
  | 'hardlink'
  | 'symlink'
  | 'character'
  | 'block'
  | 'directory'
  | 'fifo'

export interface TarEntry {
  readonly kind: EntryKind
  /** As in the archive: may be absolute, may have `..`. */
  readonly name: Buffer
  /** Target of a link; empty for others. */
  readonly link: Buffer
  /** Permission bits with setuid, setgid and sticky: 0o7777. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Bytes of the file, holes included; 0 for what is no file. */
  readonly size: number
  readonly seconds: number
  readonly nanoseconds: number
  /** Of a device node. */
  readonly major: number
  readonly minor: number
  readonly xattrs: ReadonlyMap<string, Buffer>
  /** Where the bytes that follow belong, of a file with holes. */
  readonly sparse?: readonly SparsePart[]
}

export interface SparsePart {
  readonly offset: number
  readonly length: number
}

export const BLOCK = 512
