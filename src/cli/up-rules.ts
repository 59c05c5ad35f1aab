/** Options of `up` that say something together, or cannot be had together. */

import type { AbortRequest, FollowRequest } from '../daemon/index.ts'
import { UsageError } from '../errors.ts'
import type { Asking } from './request.ts'

export interface UpRules {
  readonly detach?: boolean
  readonly wait?: boolean
  readonly watch?: boolean
  readonly build?: boolean
  readonly forceRecreate?: boolean
  readonly recreate?: boolean
  readonly alwaysRecreateDeps?: boolean
  readonly renewAnonVolumes?: boolean
  readonly attach?: readonly string[]
  readonly noAttach?: readonly string[]
  readonly attachDependencies?: boolean
  readonly abortOnContainerExit?: boolean
  readonly abortOnContainerFailure?: boolean
  readonly exitCodeFrom?: string
  readonly quietPull?: boolean
  readonly quietBuild?: boolean
}

/** @throws {UsageError} that names the two, as Compose refuses them */
export function checkTogether(flags: UpRules): void {
  const said = SAID.filter(([, isSaid]) => isSaid(flags)).map(([name]) => name)
  for (const name of said) {
    const other = (APART[name] ?? []).find((each) => said.includes(each))
    if (other === undefined) continue
    throw new UsageError(`Cannot use ${name} with ${other}: ${why(name)}`, {
      hint: 'leave one of them out',
    })
  }
}

type Said = readonly [name: string, isSaid: (flags: UpRules) => boolean]

const SAID: readonly Said[] = [
  ['--detach', ({ detach }) => detach === true],
  ['--wait', ({ wait }) => wait === true],
  ['--watch', ({ watch }) => watch === true],
  ['--attach', ({ attach }) => attach !== undefined],
  ['--attach-dependencies', ({ attachDependencies }) => attachDependencies === true],
  ['--abort-on-container-exit', ({ abortOnContainerExit }) => abortOnContainerExit === true],
  [
    '--abort-on-container-failure',
    ({ abortOnContainerFailure }) => abortOnContainerFailure === true,
  ],
  ['--exit-code-from', ({ exitCodeFrom }) => exitCodeFrom !== undefined],
  ['--no-recreate', ({ recreate }) => recreate === false],
  ['--force-recreate', ({ forceRecreate }) => forceRecreate === true],
  ['--always-recreate-deps', ({ alwaysRecreateDeps }) => alwaysRecreateDeps === true],
  ['--renew-anon-volumes', ({ renewAnonVolumes }) => renewAnonVolumes === true],
]

const STAYING = [
  '--attach',
  '--attach-dependencies',
  '--abort-on-container-exit',
  '--abort-on-container-failure',
  '--exit-code-from',
]

const APART: Readonly<Record<string, readonly string[]>> = {
  '--detach': STAYING,
  '--wait': [...STAYING, '--watch'],
  '--watch': STAYING.slice(2),
  '--abort-on-container-exit': ['--abort-on-container-failure'],
  '--no-recreate': ['--force-recreate', '--always-recreate-deps', '--renew-anon-volumes'],
}

function why(name: string): string {
  if (name === '--detach' || name === '--wait') return 'it does not stay to see'
  if (name === '--watch') return 'it ends when you end it'
  return 'they say the opposite'
}

/** What of the flags the supervisor is told. */
export function upRequest(flags: UpRules): {
  readonly follow?: FollowRequest
  readonly abort?: AbortRequest
} {
  const { attach, noAttach, attachDependencies: dependencies } = flags
  const abort = abortRequest(flags)
  const isUsual = attach === undefined && noAttach === undefined && dependencies === undefined
  return {
    ...(!isUsual && {
      follow: {
        ...(attach !== undefined && { attach }),
        ...(noAttach !== undefined && { noAttach }),
        ...(dependencies !== undefined && { dependencies }),
      },
    }),
    ...(abort !== undefined && { abort }),
  }
}

function abortRequest(flags: UpRules): AbortRequest | undefined {
  const { abortOnContainerExit, abortOnContainerFailure, exitCodeFrom: codeFrom } = flags
  const from = codeFrom === undefined ? {} : { codeFrom }
  if (abortOnContainerFailure === true) return { on: 'failure', ...from }
  return abortOnContainerExit === true || codeFrom !== undefined
    ? { on: 'exit', ...from }
    : undefined
}

export function quietAsking(asking: Asking, { quietPull, quietBuild }: UpRules): Asking {
  return {
    ...asking,
    ...(quietPull === true && { hidesImages: true }),
    ...(quietBuild === true && { hidesBuilds: true }),
  }
}
