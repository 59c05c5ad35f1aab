/**
 * Random cases. In CI they are the same each time, so that a failure there is one of the change;
 * elsewhere others each time, and a failure says its seed. `TSSTACK_SEED` names one.
 */
import * as fc from 'fast-check'

const { CI, TSSTACK_SEED } = process.env
if (TSSTACK_SEED !== undefined) fc.configureGlobal({ seed: Number(TSSTACK_SEED) })
else if (CI !== undefined) fc.configureGlobal({ seed: 1 })

export * from 'fast-check'
