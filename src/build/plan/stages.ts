/** Which stages a build needs, and what each one is made of. */

import { didYouMean } from '../../planner/index.ts'
import type { Dockerfile, Stage } from '../dockerfile/dockerfile.ts'
import type { Instruction } from '../dockerfile/instruction.ts'
import { parseMount } from '../dockerfile/mount.ts'
import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'

/** What a stage begins with, or copies from. */
export type Origin =
  | { readonly kind: 'stage'; readonly index: number }
  | { readonly kind: 'context'; readonly name: string }
  | { readonly kind: 'image'; readonly reference: string }
  | { readonly kind: 'scratch' }

/** The stage that is to be built: the last one, or the one named or numbered `target`. */
export function targetStage(dockerfile: Dockerfile, target: string | undefined): Stage {
  const { stages } = dockerfile
  const wanted = target === undefined || target === '' ? undefined : target
  const found = wanted === undefined ? stages.at(-1) : stageNamed(stages, wanted)
  if (found) return found
  const names = stages.flatMap(({ from }) => (from.name === undefined ? [] : [from.name]))
  const guess = didYouMean(wanted ?? '', names)
  const list = names.length === 0 ? 'no stage has a name' : `there are ${names.join(', ')}`
  throw new Problem(`Cannot build the stage "${wanted}": the Dockerfile has none of that name`, {
    hint: guess === undefined ? list : `did you mean "${guess}"?`,
  })
}

/** What the name in FROM means: an earlier stage, a context of that name, or an image. */
export function originOf(
  name: string,
  scene: {
    readonly dockerfile: Dockerfile
    readonly contexts: ReadonlySet<string>
    /** Stages from this one on cannot be meant. */
    readonly before: number
    /** `COPY --from=0` may number a stage; FROM may not. */
    readonly allowsNumbers: boolean
  },
): Origin {
  const { contexts, before, allowsNumbers } = scene
  const earlier = scene.dockerfile.stages.slice(0, before)
  const stage =
    earlier.findLast(({ from }) => from.name === name.toLowerCase()) ??
    (allowsNumbers && /^\d+$/.test(name) ? earlier[Number(name)] : undefined)
  // A context given by name replaces a stage or an image: either can be mended from outside.
  if (contexts.has(name)) return { kind: 'context', name }
  if (stage) return { kind: 'stage', index: stage.index }
  if (name === 'scratch') return { kind: 'scratch' }
  return { kind: 'image', reference: name }
}

/** Names of what the instructions of a stage copy or mount from, where they stand. */
export function sourcesOf(instructions: readonly Instruction[]): readonly Word[] {
  return instructions.flatMap((instruction) => {
    if (instruction.kind === 'copy') return instruction.from ? [instruction.from] : []
    if (instruction.kind !== 'run') return []
    return instruction.mounts.flatMap((word) => {
      const from = mountFrom(word)
      return from === undefined ? [] : [{ ...word, text: from }]
    })
  })
}

/** `from` of a mount, which takes no variables: needed stages are known before any value is. */
function mountFrom(word: Word): string | undefined {
  const mount = parseMount(word, (text) => text)
  const from = mount.kind === 'bind' || mount.kind === 'cache' ? mount.from : ''
  if (!from.includes('$')) return from === '' ? undefined : from
  throw new Problem(`Cannot mount from "${from}": from= takes no variables`, {
    span: word,
    hint: 'give the image a name first: FROM $IMAGE AS name',
  })
}

function stageNamed(stages: readonly Stage[], name: string): Stage | undefined {
  const byName = stages.findLast(({ from }) => from.name === name.toLowerCase())
  return byName ?? (/^\d+$/.test(name) ? stages[Number(name)] : undefined)
}
