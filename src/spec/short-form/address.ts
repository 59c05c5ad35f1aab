/** IP addresses as text. Kept here because the room uses no Node.js module but `path`. */

/** An IPv4 address in four decimal parts, or an IPv6 address, without brackets. */
export function isIP(text: string): boolean {
  return isIPv4(text) || isIPv6(text)
}

function isIPv4(text: string): boolean {
  const parts = text.split('.')
  return (
    parts.length === 4 &&
    parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  )
}

function isIPv6(text: string): boolean {
  const [address = ''] = text.split('%', 1)
  const halves = address.split('::')
  if (halves.length > 2) return false
  const groups = halves.map(groupCount)
  const [left = -1, right = 0] = groups
  if (groups.some((count) => count < 0)) return false
  return halves.length === 2 ? left + right <= 7 : left === 8
}

/** Number of 16-bit groups in a part of an IPv6 address; -1 when there is something else in it. */
function groupCount(text: string): number {
  if (text === '') return 0
  const parts = text.split(':')
  let count = 0
  for (const [index, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) count += 1
    else if (index === parts.length - 1 && isIPv4(part)) count += 2
    else return -1
  }
  return count
}
