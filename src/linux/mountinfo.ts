/** What the mountinfo files of procfs say. @see proc_pid_mountinfo(5) */

/** A path as it is: space, tab, newline and backslash are written there as `\040` and the like. */
export function unescapeMountPath(path: string): string {
  return path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) =>
    String.fromCodePoint(Number.parseInt(octal, 8)),
  )
}
