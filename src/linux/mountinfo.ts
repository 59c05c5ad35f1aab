/** What the mountinfo files of procfs say. @see proc_pid_mountinfo(5) */

/** A path as it is: space, tab, newline and backslash are written there as `\040` and the like. */
export function unescapeMountPath(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  )
}

/** One line: a mount as a process sees it. */
export interface MountLine {
  /** Of the machine's mounts that there are now. */
  readonly id: number
  /** The mount that it lies on. */
  readonly parent: number
  readonly place: string
  /** Which part of which file system; equal for two mounts of one directory. */
  readonly what: string
  /** The mount itself; its file system may be read-only beside that. */
  readonly readOnly: boolean
  /** `ext4`, `tmpfs`. */
  readonly type: string
}

/** Those of a mountinfo file, in its order. */
export function parseMountinfo(text: string): readonly MountLine[] {
  return text.split('\n').flatMap((line) => {
    const [id, parent, device, root, place, options = '', ...rest] = line.split(' ')
    if (place === undefined) return []
    // Optional fields come before the dash.
    const type = rest[rest.indexOf('-') + 1] ?? ''
    const readOnly = options.split(',').includes('ro')
    const what = `${type} ${device} ${root}`
    const ids = { id: Number(id), parent: Number(parent) }
    return [{ ...ids, place: unescapeMountPath(place), what, readOnly, type }]
  })
}
