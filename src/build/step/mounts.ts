/** `RUN --mount`: what each mount shows, and what of it the step's result depends on. */

import { chmodSync, chownSync, existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { errorText } from '../../errors.ts'
import { close, O, openPath } from '../../linux/index.ts'
import type { Instruction, Run } from '../dockerfile/instruction.ts'
import { type Mount, type Owner, parseMount } from '../dockerfile/mount.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'
import { digestJobs } from '../files/digest-jobs.ts'
import { type CopyJob, selectFiles } from '../files/select.ts'
import { CopyTarget } from '../files/target.ts'
import type { StepMount } from '../ports.ts'
import type { BuildSecret } from '../request.ts'
import type { StageState } from '../stage.ts'
import { holdCache } from './cache-mount.ts'
import { type Script, SCRIPT_DIRECTORY } from './script.ts'
import { stepTime } from './time.ts'

export interface MountPlan {
  /** Part of the key of the step. */
  readonly key: unknown
  /** Makes what is mounted, for one execution. */
  readonly prepare: (preparing: Preparing) => Promise<PreparedMount>
}

export interface Preparing {
  /** A directory that goes with the step. */
  readonly draft: string
  /** What is let go when the command has ended. */
  readonly held: AsyncDisposableStack
  readonly script: Script | undefined
}

export interface PreparedMount {
  readonly mounts: readonly StepMount[]
  readonly environment: Readonly<Record<string, string>>
}

/** @throws {Problem} */
export async function planMounts(
  state: StageState,
  { statement, mounts }: Instruction & Run,
): Promise<readonly MountPlan[]> {
  const plans: MountPlan[] = [scriptPlan()]
  for (const word of mounts) {
    const expand = (text: string): string => state.scope.expand({ ...word, text }, statement.escape)
    const mount = parseMount(word, expand)
    plans.push(await planMount(state, { word, mount: atWorkingDir(state, mount) }))
  }
  return plans
}

interface Wanted<Kind extends Mount['kind'] = Mount['kind']> {
  readonly word: Word
  readonly mount: Extract<Mount, { readonly kind: Kind }>
}

function planMount(state: StageState, { word, mount }: Wanted): Promise<MountPlan> | MountPlan {
  switch (mount.kind) {
    case 'bind':
      return planBind(state, { word, mount })
    case 'cache':
      return planCache(state, { word, mount })
    case 'tmpfs': {
      const { target, sizeBytes } = mount
      return fixed(['tmpfs', target], { mounts: [{ kind: 'tmpfs', target, sizeBytes }] })
    }
    case 'secret':
      return planSecret(state, { word, mount })
    case 'ssh':
      return planSsh(state, { word, mount })
  }
}

/** A script is no file of the image. */
function scriptPlan(): MountPlan {
  return {
    key: null,
    prepare: async ({ draft, script }) => {
      if (script === undefined) return { mounts: [], environment: {} }
      const source = join(draft, 'script')
      writeFileSync(source, script.text, { mode: 0o755 })
      chmodSync(source, 0o755)
      const target = `${SCRIPT_DIRECTORY}/${script.name}`
      return { mounts: [{ kind: 'bind', source, target, readOnly: true }], environment: {} }
    },
  }
}

/** A copy of what it shows: what the command writes there is thrown away, as with BuildKit. */
async function planBind(state: StageState, { word, mount }: Wanted<'bind'>): Promise<MountPlan> {
  const jobs = await jobsOf(state, word, mount)
  const { target, readOnly } = mount
  return {
    key: ['bind', target, readOnly, await digestJobs(jobs, state.session.digests)],
    prepare: async ({ draft }) => {
      const directory = mkdtempSync(join(draft, 'bind-'))
      chmodSync(directory, 0o755)
      await fill(state, word, { jobs, directory })
      const [job] = jobs
      const source = job?.kind === 'file' ? join(directory, job.name) : directory
      return { mounts: [{ kind: 'bind', source, target, readOnly }], environment: {} }
    },
  }
}

async function planCache(state: StageState, { word, mount }: Wanted<'cache'>): Promise<MountPlan> {
  const { id, sharing, target, readOnly, owner } = mount
  const jobs = mount.from === '' ? [] : await jobsOf(state, word, mount)
  const { cacheDirectory, signal } = state.session.build.ports
  return {
    // What is in it never counts.
    key: ['cache', target, id, sharing],
    prepare: async ({ held }) => {
      const cache = await holdCache({
        directory: join(cacheDirectory, 'mounts'),
        id,
        sharing,
        signal,
      })
      held.use(cache)
      if (cache.isNew) {
        await fill(state, word, { jobs, directory: cache.path })
        chownSync(cache.path, owner.uid, owner.gid)
        chmodSync(cache.path, owner.mode ?? 0o755)
      }
      const bind = { kind: 'bind', source: cache.path, target, readOnly } as const
      return { mounts: [bind], environment: {} }
    },
  }
}

function planSecret({ session }: StageState, { word, mount }: Wanted<'secret' | 'ssh'>): MountPlan {
  const { id, target, env, required, owner } = mount
  const secret = session.build.request.secrets.find((one) => one.id === id)
  const key = ['secret', id, target, env]
  if (secret === undefined) {
    if (required) throw missing('secret', id, word)
    return fixed(key, {})
  }
  return {
    key,
    prepare: async ({ draft }) => {
      const content = await readSecret(secret, word)
      const environment = env === undefined ? {} : { [env]: content.toString('utf8') }
      if (target === '') return { mounts: [], environment }
      const source = join(mkdtempSync(join(draft, 'secret-')), 'content')
      writeFileSync(source, content, { mode: 0o400, flag: 'wx' })
      applyOwner(source, owner, 0o400)
      return { mounts: [{ kind: 'bind', source, target, readOnly: true }], environment }
    },
  }
}

async function readSecret({ id, content }: BuildSecret, word: Word): Promise<Buffer> {
  if ('text' in content) return Buffer.from(content.text)
  try {
    return await readFile(content.file)
  } catch (cause) {
    const why = errorText(cause)
    throw new Problem(`Cannot read the secret "${id}": ${why}`, {
      span: word,
      hint: `make "${content.file}" readable`,
    })
  }
}

function planSsh({ session }: StageState, { word, mount }: Wanted<'secret' | 'ssh'>): MountPlan {
  const { id, target, required } = mount
  const socket = session.build.request.ssh.find((one) => one.id === id)
  const key = ['ssh', id, target]
  if (socket === undefined || !existsSync(socket.path)) {
    if (required) throw missing('ssh agent', id, word)
    return fixed(key, {})
  }
  return fixed(key, {
    mounts: [{ kind: 'bind', source: socket.path, target, readOnly: true }],
    environment: { SSH_AUTH_SOCK: target },
  })
}

function fixed(key: unknown, { mounts = [], environment = {} }: Partial<PreparedMount>): MountPlan {
  return { key, prepare: () => Promise.resolve({ mounts, environment }) }
}

/** Relative targets begin at the working directory. */
function atWorkingDir<M extends Mount>({ image }: StageState, mount: M): M {
  if (mount.target === '') return mount
  return { ...mount, target: posix.resolve('/', image.WorkingDir ?? '/', mount.target) }
}

async function jobsOf(
  { session, stage }: StageState,
  word: Word,
  { from, source }: { readonly from: string; readonly source: string },
): Promise<readonly CopyJob[]> {
  const tree = await session.tree(from === '' ? undefined : { ...word, text: from }, stage.index)
  return selectFiles(tree, { ...word, text: source }, { keepsParents: false, excludes: [] })
}

async function fill(
  { session }: StageState,
  word: Word,
  { jobs, directory }: { readonly jobs: readonly CopyJob[]; readonly directory: string },
): Promise<void> {
  const fd = openPath(directory, O.DIRECTORY)
  try {
    const nothing = { owner: undefined, mode: undefined }
    const target = new CopyTarget(fd, { word, path: '/', ...nothing, now: stepTime(session) })
    for (const job of jobs) await target.copy(job)
  } finally {
    close(fd)
  }
}

function applyOwner(path: string, { uid, gid, mode }: Owner, fallback: number): void {
  chownSync(path, uid, gid)
  chmodSync(path, mode ?? fallback)
}

function missing(what: string, id: string, word: Word): Problem {
  const flag = what === 'secret' ? '--secret' : '--ssh'
  return new Problem(`Cannot mount the ${what} "${id}": it was not given`, {
    span: word,
    hint: `give it under "build" in the stack file, or with ${flag} id=${id},…`,
  })
}
