/** Names in archives as lists of components; whatever leads out of the root is refused here. */

/** One component of a path. */
export type Part = Buffer

/**
 * Components of `name` below the root; none for the root itself. Absolute names count from the
 * root.
 * @throws {RangeError} for a name with `..` above the root, or a NUL
 */
export function partsOf(name: Buffer): readonly Part[] {
  if (name.includes(0)) throw new RangeError(`the name "${shown(name)}" holds a NUL`)
  const parts: Part[] = []
  for (let start = 0; start <= name.length;) {
    const slash = name.indexOf(SLASH, start)
    const end = slash === -1 ? name.length : slash
    const part = name.subarray(start, end)
    start = end + 1
    if (part.length === 0 || isDot(part)) continue
    if (!isDotDot(part)) parts.push(part)
    else if (parts.pop() === undefined) {
      throw new RangeError(`the name "${shown(name)}" leads out of the root`)
    }
  }
  return parts
}

/** Bytes of the path from the root, `a/b`; a key as well, since every byte is one character. */
export function pathOf(parts: readonly Part[]): string {
  return parts.map((part) => part.toString('latin1')).join('/')
}

/** For error messages. */
export function shown(name: Uint8Array): string {
  const text = Buffer.from(name).toString()
  return text.length > 200 ? `${text.slice(0, 200)}…` : text
}

const SLASH = 0x2f
const DOT = 0x2e

export function isDot(part: Uint8Array): boolean {
  return part.length === 1 && part[0] === DOT
}

export function isDotDot(part: Uint8Array): boolean {
  return part.length === 2 && part[0] === DOT && part[1] === DOT
}
