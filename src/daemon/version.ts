/** Which tsstack this is, and which of two is the newer. */

declare const TSSTACK_VERSION: string | undefined
declare const TSSTACK_BUILD: string | undefined

/** `package.json`'s version; `scripts/build.mjs` puts it in. */
export const VERSION: string = typeof TSSTACK_VERSION === 'string' ? TSSTACK_VERSION : '0.0.0'

/** Digest of the built files: two builds of one version differ in it. `source`: not built. */
export const BUILD: string = typeof TSSTACK_BUILD === 'string' ? TSSTACK_BUILD : 'source'

interface Release {
  readonly version: string
  readonly build: string
}

/** True when a command line of `mine` takes over from a supervisor of `theirs`. */
export function replaces(mine: Release, theirs: Release): boolean {
  const order = compareVersions(mine.version, theirs.version)
  return order > 0 || (order === 0 && mine.build !== theirs.build)
}

/** Negative when `a` is older. A pre-release (`1.2.3-rc.1`) is older than its release. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)]
  for (let at = 0; at < 3; at += 1) {
    const order = (left.numbers[at] ?? 0) - (right.numbers[at] ?? 0)
    if (order !== 0) return order
  }
  if (left.suffix === right.suffix) return 0
  if (left.suffix === '') return 1
  if (right.suffix === '') return -1
  return left.suffix < right.suffix ? -1 : 1
}

function parts(version: string): { readonly numbers: readonly number[]; readonly suffix: string } {
  const [numbers = '', ...suffix] = version.split('-')
  return { numbers: numbers.split('.').map(Number), suffix: suffix.join('-') }
}
