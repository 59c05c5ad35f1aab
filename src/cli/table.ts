/** Columns of text, as `ps` prints them. */

/**
 * Every column as wide as its widest cell, three spaces between; no spaces at the end of a line.
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [head, ...rows]
  const widths = head.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)))
  const lines = all.map((row) => row.map((cell, at) => pad(cell, widths[at] ?? 0)).join('   '))
  return lines.map((line) => line.trimEnd()).join('\n')
}

function pad(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - cell.length))
}
