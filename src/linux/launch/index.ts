/** Launch programs: written, run, and understood when they fail. */

export { Blanks, textRoom } from './blank.ts'
export { sealedMemfd } from './executable.ts'
export { describeFailure, parseFailure, type Failure, type ProgramNotes } from './failure.ts'
export { FilledProgram, type LaunchProgram } from './filled.ts'
export type { Address, Computation, Flow, Label, Loaded, Operation, Word } from './operation.ts'
export { Program } from './program.ts'
export {
  childEnd,
  reapChildren,
  spawn,
  spawnBeside,
  type SpawnOptions,
  waitForExit,
  type WaitResult,
} from './spawn.ts'
