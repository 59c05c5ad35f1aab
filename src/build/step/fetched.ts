/** ADD of addresses: a file that is fetched, or the files of a git repository. */

import { type Address, type FileAddress, type GitAddress, parseAddress } from '../fetch/address.ts'
import { CONTENT, download, type Fetching } from '../fetch/download.ts'
import { checkOut } from '../fetch/git.ts'
import { EngineError } from '../../errors.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { Copy } from '../dockerfile/instruction.ts'
import type { Word } from '../dockerfile/words.ts'
import { archiveIn } from '../files/archive.ts'
import { openContext } from '../files/context.ts'
import { type CopyJob, selectFiles } from '../files/select.ts'
import { resolveEntry } from '../files/tree.ts'
import type { BuildSession } from '../build.ts'

/** One source that is an address. */
export interface WantedAddress {
  /** Variables replaced. */
  readonly word: Word
  readonly address: Address
  readonly checksum: Word | undefined
  readonly keepsGit: boolean
  /** As the target is written: a file without a name in its address needs one there. */
  readonly target: string
  /** `--unpack`; what is fetched is left as it is by default. */
  readonly unpacks: boolean
  readonly excludes: readonly string[]
}

/** Undefined for a path. @throws {Problem} for an address that is not fetched for a Dockerfile */
export function wantedAddress(
  word: Word,
  { keepsGit, unpack }: Copy,
  more: Pick<WantedAddress, 'checksum' | 'excludes' | 'target'>,
): WantedAddress | undefined {
  const address = placed(word, () => parseAddress(word.text))
  // `github.com/a` may be a directory: only a context is written so.
  if (address === undefined || !/^\w+:\/\/|^[^/]+@/u.test(word.text)) {
    if (more.checksum === undefined) return undefined
    throw new Problem(`Cannot check "${word.text}": it is a file of the context`, {
      span: more.checksum,
      hint: '--checksum is for addresses; the cache knows files of the context by their content',
    })
  }
  if (address.kind === 'git' && address.isLocal) {
    throw new Problem(`Cannot add "${word.text}": it is outside the build context`, {
      span: word,
      hint: 'name it under "additional_contexts", and write COPY --from=NAME',
    })
  }
  checkSum(address, more.checksum)
  return { word, address, keepsGit, unpacks: unpack === true, ...more }
}

/** Fetched anew when it has changed there. @throws {Problem} */
export async function fetchedJobs(
  session: BuildSession,
  wanted: WantedAddress,
): Promise<readonly CopyJob[]> {
  const { word, address } = wanted
  try {
    return await session.telling(`fetch ${word.text}`, () =>
      address.kind === 'file'
        ? fileJobs(session, wanted, address)
        : gitJobs(session, wanted, address),
    )
  } catch (error) {
    throw placedIn(word, error)
  }
}

async function fileJobs(
  session: BuildSession,
  { word, checksum, target, unpacks }: WantedAddress,
  address: FileAddress,
): Promise<readonly CopyJob[]> {
  if (address.name === '' && target.endsWith('/')) {
    throw new Problem(`Cannot add "${word.text}": the address does not say what it is called`, {
      span: word,
      hint: 'write the whole path of the file as the target, without "/" at its end',
    })
  }
  const directory = await download(address, {
    ...fetchingOf(session),
    checksum: checksum?.text,
  })
  const tree = await session.treeAt(directory, () =>
    openContext(directory, undefined, `what was fetched from "${word.text}"`),
  )
  const entry = resolveEntry(tree, CONTENT)
  if (entry === undefined) throw new Error(`"${directory}" has no content`)
  const archive = unpacks ? await archiveIn(tree, entry) : undefined
  if (archive) return [{ kind: 'archive', archive }]
  return [{ kind: 'file', tree, entry, name: address.name || CONTENT }]
}

async function gitJobs(
  session: BuildSession,
  { word, checksum, keepsGit, excludes }: WantedAddress,
  address: GitAddress,
): Promise<readonly CopyJob[]> {
  const sshAgent = session.build.request.ssh.find(({ id }) => id === 'default')?.path
  const { directory, commit } = await checkOut(address, {
    ...fetchingOf(session),
    keepsGit,
    sshAgent,
  })
  if (checksum !== undefined && commit !== checksum.text) {
    throw new Problem(`Cannot add "${word.text}": it is commit ${commit} now`, {
      span: checksum,
      hint: `the Dockerfile asks for ${checksum.text}`,
    })
  }
  const tree = await session.treeAt(directory, () =>
    openContext(directory, undefined, `the repository "${address.url}"`, { ignoreFile: false }),
  )
  const place = { ...word, text: address.directory === '' ? '.' : address.directory }
  return selectFiles(tree, place, { keepsParents: false, excludes })
}

function fetchingOf({ build }: BuildSession): Fetching {
  const { cacheDirectory, env, signal } = build.ports
  return { cacheDirectory, env, signal }
}

function checkSum(address: Address, checksum: Word | undefined): void {
  if (checksum === undefined) return
  const isFile = address.kind === 'file'
  const pattern = isFile ? /^sha256:[0-9a-f]{64}$/u : /^[0-9a-f]{40}$/u
  if (pattern.test(checksum.text)) return
  throw new Problem(`Cannot check against "${checksum.text}"`, {
    span: checksum,
    hint: isFile
      ? 'write --checksum=sha256: and 64 hex digits; sha256sum FILE shows them'
      : 'write --checksum= and the 40 hex digits of a commit',
  })
}

function placed<Result>(word: Word, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    throw placedIn(word, error)
  }
}

/** What is wrong with an address, or with what it leads to, is shown where it stands. */
function placedIn(word: Word, error: unknown): unknown {
  if (error instanceof Problem && error.span !== undefined) return error
  const isAddress = error instanceof EngineError && ['REGISTRY', 'BUILD'].includes(error.code)
  if (!(isAddress || error instanceof Problem)) return error
  return new Problem(error.message, { span: word, hint: error.hint })
}
