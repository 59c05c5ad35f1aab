/** WORKDIR: the directory is made when it is not there. */

import type { Word } from '../dockerfile/words.ts'
import { close } from '../../linux/index.ts'
import { resolveOwner, ROOT } from '../files/owner.ts'
import { CopyTarget } from '../files/target.ts'
import { resolveEntry } from '../files/tree.ts'
import type { PlannedStep, StageState } from '../stage.ts'
import { stepKey } from '../step-cache.ts'
import { stepTime } from './time.ts'

/** To be called when the new directory is in the settings. */
export function workdirStep(state: StageState, value: Word): PlannedStep {
  const { session, layers, image } = state
  const path = image.WorkingDir ?? '/'
  const user = image.User ?? ''
  return {
    key: stepKey({ kind: 'workdir', chain: state.chain, path, user }),
    make: async ({ draft }) => {
      const root = session.roots.open(layers)
      try {
        const tree = { what: 'the image', fd: root, keepsOwners: true }
        if (resolveEntry(tree, path)?.stats.isDirectory() === true) return undefined
      } finally {
        close(root)
      }
      using writable = session.roots.write(layers, draft)
      const owner = user === '' ? ROOT : resolveOwner(writable.fd, user, value)
      const now = stepTime(session)
      const target = new CopyTarget(writable.fd, { word: value, path, owner, mode: undefined, now })
      close(target.openDirectory(path))
      return { upper: writable.upper, lowers: session.roots.lowersOf(layers) }
    },
  }
}
