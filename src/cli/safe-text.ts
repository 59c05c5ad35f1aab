/** Makes text of containers, images and stack files harmless for a terminal. */

// Control characters but tab and newline, and the marks that reorder or hide text.
const HARMFUL = /(?![\n\t])\p{Cc}|[\u200e\u200f\u2028-\u202e\u2066-\u2069]/u
const HARMFUL_ALL = new RegExp(HARMFUL.source, 'gu')
/** Colours and weights: the one kind of escape that cannot move, write elsewhere or answer. */
const SGR_OR_HARMFUL = new RegExp(`\\u001b\\[[0-9;:]*m|${HARMFUL.source}`, 'gu')
const RESET = '\u001b[0m'

/** Every control character but newline and tab in a visible form: `\x1b`. */
export function safeText(text: string): string {
  return text.replaceAll(HARMFUL_ALL, visible)
}

/**
 * One line of a container's output. Colours stay, and end with the line; a carriage return at its
 * end goes, since the newline is ours; anything else that a terminal would obey becomes visible.
 */
export function safeLine(line: string): string {
  const text = line.endsWith('\r') ? line.slice(0, -1) : line
  if (!HARMFUL.test(text)) return text
  let isColored = false
  const safe = text.replaceAll(SGR_OR_HARMFUL, (found) => {
    if (found.length === 1) return visible(found)
    isColored = true
    return found
  })
  return isColored ? safe + RESET : safe
}

function visible(character: string): string {
  const code = character.codePointAt(0) ?? 0
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`
}
