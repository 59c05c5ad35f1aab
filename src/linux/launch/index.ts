/** Launch programs: written, run, and understood when they fail. */

export { sealedMemfd } from './executable.ts'
export {
  describeFailure,
  FAILURE_BYTES,
  parseFailure,
  type Failure,
  type ProgramNotes,
} from './failure.ts'
export {
  Program,
  type Address,
  type Computation,
  type Flow,
  type Label,
  type Loaded,
  type Operation,
  type Word,
} from './program.ts'
export {
  decodeWaitStatus,
  reap,
  reapChildren,
  spawn,
  waitForExit,
  type SpawnOptions,
  type WaitResult,
} from './spawn.ts'
