/** Amounts of bytes, as Docker writes them. */

/** Of memory: `12.5MiB`, in steps of 1024. */
export function memoryText(bytes: number): string {
  return scaled(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'])
}

/** Of traffic and disks: `1.25kB`, in steps of 1000. */
export function trafficText(bytes: number): string {
  return scaled(bytes, 1000, ['B', 'kB', 'MB', 'GB', 'TB'])
}

/** Four significant digits at most. */
function scaled(bytes: number, step: number, units: readonly string[]): string {
  let value = bytes
  let at = 0
  while (value >= step && at < units.length - 1) {
    value /= step
    at += 1
  }
  return `${Number(value.toPrecision(4))}${units[at]}`
}
