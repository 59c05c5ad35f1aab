/** Which extended attributes of an archive are kept: none that the machine itself would believe. */

/**
 * The overlay's own notes would point it elsewhere, `trusted.*` is root's memory, and labels of a
 * security module mean something else on each machine.
 */
export function isKeptXattr(name: string): boolean {
  if (name === 'security.capability') return true
  if (name.startsWith('user.')) return !name.startsWith('user.overlay.')
  return name === 'system.posix_acl_access' || name === 'system.posix_acl_default'
}
