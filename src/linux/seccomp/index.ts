/** Seccomp filters: Docker's profiles, compiled here, loaded by launch programs. */

export { compileSeccomp, type SeccompOptions } from './compile.ts'
export { loadSeccomp } from './load.ts'
export { hasX32 } from './x32.ts'
export {
  DEFAULT_SECCOMP_PROFILE,
  type SeccompArgument,
  type SeccompCondition,
  type SeccompProfile,
  type SeccompRule,
} from './profile.ts'
