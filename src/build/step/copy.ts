/** COPY and ADD as a step: what goes in, and how the layer is made. */

import { posix } from 'node:path'
import { close } from '../../linux/index.ts'
import type { Copy, Instruction } from '../dockerfile/instruction.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'
import { archiveIn } from '../files/archive.ts'
import { digestJobs } from '../files/digest-jobs.ts'
import { parseMode } from '../files/mode.ts'
import { type Ids, resolveOwner } from '../files/owner.ts'
import { type CopyJob, selectFiles } from '../files/select.ts'
import { type CopyOptions, CopyTarget } from '../files/target.ts'
import type { FileTree } from '../files/tree.ts'
import type { BuildSession } from '../build.ts'
import type { PlannedStep, StageState } from '../stage.ts'
import { stepKey } from '../step-cache.ts'
import { fetchedJobs, wantedAddress, type WantedAddress } from './fetched.ts'
import { heredocText } from './heredoc.ts'
import { stepTime } from './time.ts'

export async function copyStep(
  state: StageState,
  instruction: Instruction & Copy,
): Promise<PlannedStep> {
  const { session, layers, scope, image } = state
  const { escape } = instruction.statement
  const expand = (word: Word): Word => ({ ...word, text: scope.expand(word, escape) })
  const wanted = wantedFiles(state, instruction)
  const target = expand(instruction.target)
  const path = targetPath(image.WorkingDir, target.text)
  const mode = instruction.chmod && expand(instruction.chmod)
  const owner = ownerOf(state, instruction)
  // A linked layer depends on nothing below it: it is made over nothing.
  const below = instruction.link ? [] : layers
  const options: CopyOptions = {
    word: instruction.target,
    path,
    owner,
    mode: mode && parseMode(mode),
    now: stepTime(session),
  }
  const files = await findFiles(state, wanted)
  return {
    key: stepKey({
      kind: 'copy',
      chain: instruction.link ? 'linked' : state.chain,
      digest: files.digest,
      path,
      owner,
      mode: mode?.text,
    }),
    make: async ({ draft }) => {
      const jobs = await files.jobs()
      checkTarget(path, jobs, target)
      using writable = session.roots.write(below, draft)
      const writer = new CopyTarget(writable.fd, options)
      for (const job of jobs) await writer.copy(job)
      return { upper: writable.upper, lowers: session.roots.lowersOf(below) }
    },
  }
}

/** A heredoc. */
interface TextFile {
  readonly name: string
  readonly body: string
}

/** What is to be copied, variables replaced. */
interface WantedFiles {
  readonly from: Word | undefined
  readonly sources: readonly (Word | WantedAddress | TextFile)[]
  readonly excludes: readonly string[]
  readonly keepsParents: boolean
  readonly unpacks: boolean
}

function wantedFiles({ scope }: StageState, instruction: Instruction & Copy): WantedFiles {
  const { statement, kind, from, parents } = instruction
  const { escape } = statement
  const expand = (word: Word): Word => ({ ...word, text: scope.expand(word, escape) })
  const excludes = instruction.excludes.map((word) => scope.expand(word, escape))
  const checksum = instruction.checksum && expand(instruction.checksum)
  const more = { checksum, excludes, target: expand(instruction.target).text }
  return {
    from,
    sources: instruction.sources.map((source) => {
      if (source.kind === 'heredoc') {
        return { name: source.heredoc.name, body: heredocText(source.heredoc, scope, escape) }
      }
      const path = expand(source.path)
      return (kind === 'add' && wantedAddress(path, instruction, more)) || path
    }),
    excludes,
    keepsParents: parents,
    unpacks: kind === 'add' && instruction.unpack !== false,
  }
}

/** The files and their digest; of a stage that has not changed, nothing is read for it. */
async function findFiles(
  { session, stage }: StageState,
  wanted: WantedFiles,
): Promise<{ readonly digest: string; readonly jobs: () => Promise<readonly CopyJob[]> }> {
  let found: Promise<readonly CopyJob[]> | undefined
  const jobs = (): Promise<readonly CopyJob[]> =>
    (found ??= session.tree(wanted.from, stage.index).then((tree) => jobsOf(session, tree, wanted)))
  const take = async (): Promise<string> => digestJobs(await jobs(), session.digests)
  const chain = wanted.from && (await session.chainOf(wanted.from, stage.index))
  if (chain === undefined) return { digest: await take(), jobs }
  const { sources, excludes, keepsParents } = wanted
  const words = sources.map((source) => ('text' in source ? source.text : source))
  const key = stepKey({ kind: 'files', chain, words, excludes, keepsParents })
  return { digest: await session.remember(key, take), jobs }
}

async function jobsOf(
  session: BuildSession,
  tree: FileTree,
  wanted: WantedFiles,
): Promise<readonly CopyJob[]> {
  const { excludes, keepsParents, unpacks } = wanted
  const jobs: CopyJob[] = []
  for (const source of wanted.sources) {
    if ('body' in source) {
      jobs.push({ kind: 'text', name: source.name, text: source.body })
      continue
    }
    if ('address' in source) {
      jobs.push(...(await fetchedJobs(session, source)))
      continue
    }
    const found = await selectFiles(tree, source, { keepsParents, excludes })
    for (const job of found) jobs.push(unpacks ? await unpacked(job) : job)
  }
  return jobs
}

/** A local archive stands for what is in it. */
async function unpacked(job: CopyJob): Promise<CopyJob> {
  const archive = job.kind === 'file' ? await archiveIn(job.tree, job.entry) : undefined
  return archive ? { kind: 'archive', archive } : job
}

/** Names are looked up in the image as it is so far. */
function ownerOf(
  { session, layers, scope }: StageState,
  { chown, statement }: Instruction & Copy,
): Ids | undefined {
  if (chown === undefined) return undefined
  const text = scope.expand(chown, statement.escape)
  const root = session.roots.open(layers)
  try {
    return resolveOwner(root, text, chown)
  } finally {
    close(root)
  }
}

/** Absolute; a slash at its end says that it is a directory. */
function targetPath(workingDir: string | undefined, text: string): string {
  const path = posix.resolve('/', workingDir ?? '/', text)
  const isDirectory = /(?:^|\/)\.{0,2}$/u.test(text)
  return isDirectory && path !== '/' ? `${path}/` : path
}

function checkTarget(path: string, jobs: readonly CopyJob[], word: Word): void {
  const files = jobs.filter(({ kind }) => kind === 'file' || kind === 'text')
  if (files.length < 2 || path.endsWith('/')) return
  throw new Problem(`Cannot copy ${files.length} files to "${word.text}": it is one file`, {
    span: word,
    hint: `write "${word.text}/" for a directory`,
  })
}
