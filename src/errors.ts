/**
 * Every error that tsstack throws on purpose: four classes that say who can act, and one table of
 * codes.
 */

/**
 * What each code means and the exit status the command line ends with.
 * `docs/errors.md` lists the same codes; `test/errors.test.ts` holds the two against each other.
 */
export const ERROR_CODES = {
  INVALID_STACK: { exit: 1, meaning: 'The stack file has errors; each is shown with its place' },
  USAGE: { exit: 2, meaning: 'The command line was not understood' },
  NOT_ROOT: { exit: 1, meaning: 'The command needs root, or the group that may use the socket' },
  NODE_TOO_OLD: { exit: 1, meaning: 'tsstack was started by a Node.js older than it supports' },
  SYSCALL: { exit: 1, meaning: 'A system call failed' },
  LAUNCH: { exit: 1, meaning: 'A container could not be started' },
  EXEC_NOT_FOUND: { exit: 127, meaning: "The program is not in the container's PATH" },
  EXEC_NOT_EXECUTABLE: { exit: 126, meaning: 'The program exists but cannot be executed' },
  MOUNT_SOURCE: { exit: 1, meaning: 'The source of a mount does not exist or cannot be used' },
  NO_CGROUP: { exit: 1, meaning: 'No usable cgroup hierarchy was found' },
  NO_OVERLAY: { exit: 1, meaning: 'The overlay file system cannot be used' },
  STATE_DIRECTORY: { exit: 1, meaning: 'The state or run directory cannot be used' },
  PORT_IN_USE: { exit: 1, meaning: 'A published port is taken already' },
  SUBNET_CLASH: { exit: 1, meaning: 'A subnet overlaps an existing route or network' },
  IMAGE: { exit: 1, meaning: 'The image is unknown, unreadable or not supported' },
  IMAGE_CORRUPT: { exit: 1, meaning: 'An image or layer is not what it says it is' },
  IMAGE_IN_USE: { exit: 1, meaning: 'A container needs the image that was to be removed' },
  REGISTRY: { exit: 1, meaning: 'A registry could not be reached, or refused' },
  DISK_FULL: { exit: 1, meaning: 'The disk has no room for what was to be written' },
  INVALID_DOCKERFILE: {
    exit: 1,
    meaning: 'The Dockerfile has errors; each is shown with its place',
  },
  BUILD: { exit: 1, meaning: 'An image could not be built' },
  NO_SUCH_SERVICE: { exit: 1, meaning: 'The stack has no service of that name' },
  NO_SUCH_KEY: { exit: 1, meaning: 'The stack has no value at that path' },
  NO_SUCH_REVISION: { exit: 1, meaning: 'The stack was never applied under that number' },
  NOT_RUNNING: { exit: 1, meaning: 'The service has no running container' },
  PLAN_OUTDATED: { exit: 1, meaning: 'What a saved plan was made from has changed' },
  STACK_BUSY: { exit: 1, meaning: 'Another command is changing the stack' },
  SUPERVISOR: { exit: 1, meaning: 'The supervisor could not be started or reached' },
  ACTION_FAILED: { exit: 1, meaning: 'An action of the plan failed' },
  DEPENDENCY: { exit: 1, meaning: 'A service that others depend on failed' },
  NOT_READY: {
    exit: 1,
    meaning: 'With --wait: a service has ended, is unhealthy, or took too long',
  },
  NOT_SUPPORTED: { exit: 1, meaning: 'tsstack cannot do this here' },
  NO_STACK: {
    exit: 1,
    meaning: 'No stack file was found, and no known stack belongs to this place or has that name',
  },
  INTERRUPTED: { exit: 130, meaning: 'The command was interrupted before its work was done' },
  INTERNAL: { exit: 1, meaning: 'A defect of tsstack itself' },
} as const

export type ErrorCode = keyof typeof ERROR_CODES

/** What an error carries beside its message: the cure, the values seen, and what caused it. */
export interface ErrorDetails {
  /** What the reader can do about it, as a sentence without full stop. */
  readonly hint?: string | undefined
  readonly cause?: unknown
}

/**
 * Base of all deliberate errors. `code` is in {@link ERROR_CODES}; docs/errors.md has the cures.
 */
export class TsstackError extends Error {
  override readonly name: string = 'TsstackError'
  readonly code: ErrorCode
  readonly hint: string | undefined

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause })
    this.code = code
    this.hint = details.hint
  }
}

/** One finding in a stack file or an env file. Lines and columns count from 1. */
export interface Diagnostic {
  readonly severity: 'error' | 'warning'
  /** Rule that found it, such as `unknown-key`; stable, for `--format json` and for tests. */
  readonly rule: string
  readonly message: string
  readonly hint?: string | undefined
  readonly file?: string | undefined
  readonly line?: number | undefined
  readonly column?: number | undefined
  /** Number of characters the caret underlines; at least 1. */
  readonly length?: number | undefined
  /** Other places that belong to it: what the value replaced, what brought its file in. */
  readonly related?: readonly RelatedPlace[] | undefined
}

/** `message` reads on with the place: `introduced by`, `it replaces`. */
export interface RelatedPlace {
  readonly message: string
  readonly file: string
  readonly line: number
  readonly column: number
}

/** The author of the stack file can act: every diagnostic at once, not the first. */
export class SpecError extends TsstackError {
  override readonly name: string = 'SpecError'
  readonly diagnostics: readonly Diagnostic[]
  /** Text of the files by the name that diagnostics show, for excerpts. */
  readonly sources: ReadonlyMap<string, string>

  constructor(
    message: string,
    diagnostics: readonly Diagnostic[],
    sources: ReadonlyMap<string, string> = new Map(),
  ) {
    super('INVALID_STACK', message)
    this.diagnostics = diagnostics
    this.sources = sources
  }
}

/** The author of the Dockerfile can act: what is wrong with it, or which instruction failed. */
export class DockerfileError extends TsstackError {
  override readonly name: string = 'DockerfileError'
  readonly diagnostics: readonly Diagnostic[]
  /** Text of the files by the name that diagnostics show, for excerpts. */
  readonly sources: ReadonlyMap<string, string>

  constructor(
    code: 'INVALID_DOCKERFILE' | 'BUILD',
    diagnostics: readonly Diagnostic[],
    sources: ReadonlyMap<string, string>,
  ) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error')
    const [first] = errors
    const one = errors.length === 1 ? first?.message : undefined
    super(code, one ?? `Cannot build the Dockerfile: ${errors.length} errors`)
    this.diagnostics = diagnostics
    this.sources = sources
  }
}

/** The caller of the command can act. */
export class UsageError extends TsstackError {
  override readonly name: string = 'UsageError'

  constructor(message: string, details: ErrorDetails & { readonly code?: ErrorCode } = {}) {
    super(details.code ?? 'USAGE', message, details)
  }
}

/**
 * The machine's owner can act: a system call failed. `errno` is the positive number, `errnoName`
 * its name.
 */
export class KernelError extends TsstackError {
  override readonly name: string = 'KernelError'
  readonly syscall: string
  readonly errno: number
  readonly errnoName: string

  constructor(
    failure: {
      /** The call as the reader should see it: `mount("overlay", "/…/merged")`. */
      readonly call: string
      readonly syscall: string
      readonly errno: number
      readonly errnoName: string
      readonly errnoText: string
    },
    details: ErrorDetails = {},
  ) {
    super('SYSCALL', `${failure.call} failed: ${failure.errnoName} (${failure.errnoText})`, details)
    this.syscall = failure.syscall
    this.errno = failure.errno
    this.errnoName = failure.errnoName
  }
}

/** An action of the plan failed; the message says which and why. */
export class EngineError extends TsstackError {
  override readonly name: string = 'EngineError'
}

/** What of the stack file something is about, by its name there. */
export type Subject =
  | { readonly kind: 'network' | 'volume' | 'secret' | 'config'; readonly key: string }
  | { readonly kind: 'port'; readonly service: string; readonly port: SubjectPort }
  | { readonly kind: 'mount'; readonly service: string; readonly target: string }

export interface SubjectPort {
  readonly hostIp?: string | undefined
  readonly published?: { readonly first: number; readonly last: number } | undefined
  readonly target: number
  readonly protocol: 'tcp' | 'udp'
}

/** One thing that is in the way of a plan. */
export interface Problem {
  readonly code: ErrorCode
  readonly message: string
  readonly hint?: string | undefined
  readonly about: Subject
}

/** All that is in the way of a plan, with the code of the first; nothing was changed. */
export class PreflightError extends EngineError {
  override readonly name: string = 'PreflightError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly [Problem, ...Problem[]]) {
    const hints = new Set(problems.flatMap(({ hint }) => hint ?? []))
    const hint = hints.size === 0 ? undefined : [...hints].join('; ')
    super(problems[0].code, problems.map(({ message }) => message).join('\n'), { hint })
    this.problems = problems
  }
}

/** Whether `error` is that of a system call that failed with one of the errno `names`. */
export function isErrno(error: unknown, ...names: readonly string[]): error is KernelError {
  return error instanceof KernelError && names.includes(error.errnoName)
}

/** Whether what was attempted failed for want of descriptors: of this process, or of the machine. */
export function isOutOfFiles(error: unknown): boolean {
  if (isErrno(error, 'EMFILE', 'ENFILE')) return true
  return error instanceof Error && 'code' in error && /^E[MN]FILE$/.test(String(error.code))
}

/** How the supervisor, which this process is, gets more of them. */
export function moreFilesHint(): string {
  return `prlimit --pid ${process.pid} --nofile=65536; for good: "ulimit -n", LimitNOFILE=`
}

/** What was thrown, in its own words: not everything is an Error. */
export function errorText(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
