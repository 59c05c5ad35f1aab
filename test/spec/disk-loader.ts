/** A loader that reads the real file system, for tests and for the corpus runner. */
import { readFileSync, statSync } from 'node:fs'
import type { Loader } from '../../src/spec/index.ts'

export const diskLoader: Loader = {
  readFile: (path) => readFileSync(path === '-' ? 0 : path),
  kindOf: (path) => {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (stat === undefined) return 'absent'
    if (stat.isDirectory()) return 'directory'
    return stat.isFile() ? 'file' : 'other'
  },
}
