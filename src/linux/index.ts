/** The kernel, typed: the front door of this room. No policy lives here, and nothing else imports koffi. */

export { errnoName, errnoNumber, errnoText } from './errno.ts'
export * from './launch/index.ts'
export {
  ARCHITECTURE,
  syscallNumber,
  syscallTable,
  type Abi,
  type Architecture,
  type SyscallName,
} from './syscalls/index.ts'
export * from './netlink/index.ts'
export * from './cgroup/index.ts'
