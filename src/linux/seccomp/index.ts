/** Seccomp filters: Docker's profiles, compiled here, loaded by launch programs. */

export { compileSeccomp, type SeccompOptions } from './compile.ts'
export { loadSeccomp } from './load.ts'
export {
  DEFAULT_SECCOMP_PROFILE,
  type SeccompArgument,
  type SeccompCondition,
  type SeccompProfile,
  type SeccompRule,
} from './profile.ts'
