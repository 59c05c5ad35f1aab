/** Where a user without root has to be to work on layers: they have owners of the user's range. */

import { isOutside, runWithin } from '../daemon/index.ts'
import { askFor, type Asking } from './request.ts'

/** Returns at once for root; else the whole command is done over again in there, and is over. */
export async function goInside(asking: Asking): Promise<void> {
  if (!isOutside(asking.places)) return
  const { status } = await askFor(asking, { kind: 'status' }, 'status')
  process.exit(await runWithin(status.pid))
}
