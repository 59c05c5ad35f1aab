/** `tsstack version`. */

import { BUILD, VERSION } from '../../daemon/index.ts'
import { print } from '../output.ts'

export interface VersionFlags {
  readonly json?: boolean
  readonly short?: boolean
}

export function version({ json = false, short = false }: VersionFlags): number {
  const node = process.version
  if (json) print(JSON.stringify({ version: VERSION, build: BUILD, node }, undefined, 2))
  else print(short ? VERSION : `tsstack ${VERSION} (node ${node})`)
  return 0
}
