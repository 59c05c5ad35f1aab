/** `cgroup_parent`: below which control group a container's own is made. */

export type GroupParent =
  | { readonly kind: 'path'; readonly path: string }
  /** Where tsstack puts containers anyway. */
  | { readonly kind: 'default' }
  | { readonly kind: 'wrong'; readonly why: string }

/**
 * Names between single slashes; a leading slash stays. The name of a systemd slice alone is the
 * path that systemd gives it: `a-b.slice` lies in `a.slice`.
 * @see systemd.slice(5)
 */
export function groupParentOf(text: string): GroupParent {
  const names = text.split('/').filter((name) => name !== '')
  const [only = ''] = names
  if (names.length === 0 || text === '-.slice') return { kind: 'default' }
  if (!text.includes('/') && only.endsWith('.slice')) return sliceOf(only)
  const why = names.map(whyNot).find((each) => each !== undefined)
  if (why !== undefined) return { kind: 'wrong', why }
  return { kind: 'path', path: `${text.startsWith('/') ? '/' : ''}${names.join('/')}` }
}

/** NAME_MAX of linux/limits.h. */
const NAME_BYTES_MAX = 255

function whyNot(name: string): string | undefined {
  if (name === '..' || name === '.') return `"${name}" could lead out of the groups`
  if (name === 'tsstack') return '"tsstack" holds the groups of tsstack itself'
  // oxlint-disable-next-line no-control-regex -- these are what is looked for
  if (/[\u0000-\u001f\u007f]/u.test(name)) return 'a name has a control character'
  if (new TextEncoder().encode(name).length > NAME_BYTES_MAX) return 'a name is above 255 bytes'
  return undefined
}

function sliceOf(name: string): GroupParent {
  const parts = name.slice(0, -'.slice'.length).split('-')
  if (parts.includes('') || whyNot(name) !== undefined) {
    return { kind: 'wrong', why: 'systemd has no such slice: each "-" stands between two names' }
  }
  const slices = parts.map((_, index) => `${parts.slice(0, index + 1).join('-')}.slice`)
  return { kind: 'path', path: slices.join('/') }
}
