/** Builds one stage: its instructions one after the other, each a change of files or of settings. */

import type { Stage } from './dockerfile/dockerfile.ts'
import type { Copy, Instruction } from './dockerfile/instruction.ts'
import { Problem } from './dockerfile/problem.ts'
import { readInstruction } from './dockerfile/read-instruction.ts'
import { readStatements } from './dockerfile/statement.ts'
import { type BuildSession, referenceOf, type StepPlan } from './build.ts'
import { DEFAULT_PATH, type HistoryEntry, type ImageSettings } from './document.ts'
import { StageScope } from './plan/scope.ts'
import { originOf, sourcesOf } from './plan/stages.ts'
import { applySetting, type Settings } from './plan/state.ts'
import type { LayerRecord } from './ports.ts'
import { dockerfileError, placedAt, type SourceText } from './source.ts'
import { chainOf } from './step-cache.ts'
import { copyStep } from './step/copy.ts'
import { runStep } from './step/run.ts'
import { timeText } from './step/time.ts'
import { workdirStep } from './step/workdir.ts'

export interface StageResult {
  readonly settings: Settings
  readonly history: readonly HistoryEntry[]
  /** Lowest first. */
  readonly layers: readonly LayerRecord[]
  readonly args: ReadonlyMap<string, string>
  /** RFC 3339: when its last layer was made. */
  readonly created: string
}

/** A step that an instruction asks for; `undefined` when it changes no file. */
export type PlannedStep = Omit<StepPlan, 'title' | 'usesCache'>

/** Where a stage has come to. */
export class StageState {
  readonly session: BuildSession
  readonly stage: Stage
  readonly scope: StageScope
  settings: Settings
  layers: LayerRecord[]

  constructor(session: BuildSession, stage: Stage, base: StageResult) {
    this.session = session
    this.stage = stage
    this.settings = { ...base.settings, hasOwnCommand: false }
    this.layers = [...base.layers]
    const env = base.settings.image.Env ?? []
    this.scope = new StageScope(session.build.global, { env, args: base.args })
  }

  /** Names the files of the stage. */
  get chain(): string {
    return chainOf(this.layers)
  }

  get image(): ImageSettings {
    return this.settings.image
  }
}

export async function runStage(session: BuildSession, index: number): Promise<StageResult> {
  const stage = session.build.dockerfile.stages[index]
  if (stage === undefined) throw new Error(`There is no stage ${index}`)
  const base = await placedAt(
    { source: session.build.source, statement: stage.from.statement },
    () => baseOf(session, stage),
  )
  return new StageRun(session, stage, base).run()
}

class StageRun {
  readonly #state: StageState
  readonly #base: StageResult
  readonly #history: HistoryEntry[]
  readonly #stepsInAll: number
  #step = 1
  #created: string

  constructor(session: BuildSession, stage: Stage, base: StageResult) {
    this.#state = new StageState(session, stage, base)
    this.#base = base
    this.#history = [...base.history]
    this.#created = base.created
    this.#stepsInAll = 1 + stage.instructions.filter(changesFiles).length
  }

  async run(): Promise<StageResult> {
    const { session, stage } = this.#state
    this.#beginOthers()
    await this.#runTriggers()
    for (const instruction of stage.instructions) {
      await this.#take(instruction, session.build.source)
    }
    const { settings, layers, scope } = this.#state
    return {
      settings,
      layers,
      history: this.#history,
      args: scope.args,
      created: this.#created,
    }
  }

  /** Stages that are copied from are built beside this one. */
  #beginOthers(): void {
    const { session, stage } = this.#state
    for (const { text } of sourcesOf(stage.instructions)) {
      const origin = session.origin(text, stage.index)
      if (origin.kind === 'stage') void session.stage(origin.index)
    }
  }

  /** ONBUILD of the base: as if it stood right behind FROM. */
  async #runTriggers(): Promise<void> {
    const { OnBuild, ...image } = this.#base.settings.image
    if (OnBuild === undefined || OnBuild === null) return
    this.#state.settings = { ...this.#state.settings, image }
    for (const text of OnBuild) {
      const source = { name: `ONBUILD of ${this.#state.stage.from.base.text}`, text }
      const { statements, findings } = readStatements(text)
      if (findings.some(({ severity }) => severity === 'error')) {
        throw dockerfileError('BUILD', source, findings)
      }
      for (const statement of statements) {
        const instruction = await placedAt({ source, statement }, () => readInstruction(statement))
        await this.#take(instruction, source)
      }
    }
  }

  #take(instruction: Instruction, source: SourceText): Promise<void> {
    const { session } = this.#state
    session.build.ports.signal.throwIfAborted()
    const { statement } = instruction
    return placedAt({ source, statement }, () => this.#apply(instruction))
  }

  async #apply(instruction: Instruction): Promise<void> {
    if (instruction.kind === 'from') throw new Problem('Cannot begin a stage here')
    if (instruction.kind === 'run') {
      return this.#makeLayer(instruction, await runStep(this.#state, instruction))
    }
    if (isCopy(instruction)) {
      return this.#makeLayer(instruction, await copyStep(this.#state, instruction))
    }
    if (instruction.kind === 'arg') this.#declare(instruction)
    else {
      const { settings, scope } = this.#state
      this.#state.settings = applySetting(settings, instruction, scope)
    }
    if (instruction.kind !== 'workdir') return this.#note(instruction)
    return this.#makeLayer(instruction, workdirStep(this.#state, instruction.value))
  }

  #declare({ args, statement }: Extract<Instruction, { kind: 'arg' }>): void {
    const { scope } = this.#state
    // All are expanded before any is declared.
    const values = args.map(({ name, value }) => ({
      name: scope.expand(name, statement.escape),
      value: value && scope.expand(value, statement.escape),
    }))
    for (const { name, value } of values) scope.declare(name, value)
  }

  async #makeLayer(instruction: Instruction, plan: PlannedStep): Promise<void> {
    const { session, stage, layers } = this.#state
    this.#step += 1
    const { request } = session.build
    const { name } = stage.from
    const isOff = request.noCacheStages.some((each) => each.toLowerCase() === (name ?? ''))
    const label = `${name ?? `stage-${stage.index}`} ${this.#step}/${this.#stepsInAll}`
    const record = await session.step({
      ...plan,
      title: `[${label}] ${textOf(instruction)}`,
      usesCache: !request.noCache && !isOff,
    })
    this.#created = record.created
    if (record.layer) layers.push(record.layer)
    this.#note(instruction, record.layer !== undefined)
  }

  #note(instruction: Instruction, hasLayer = false): void {
    this.#history.push({
      created: this.#created,
      created_by: textOf(instruction),
      ...(hasLayer ? {} : { empty_layer: true }),
    })
  }
}

/** One line, as in the history of an image. */
function textOf({ statement }: Instruction): string {
  return statement.text.replaceAll(/\s+/gu, ' ').trim()
}

function isCopy(instruction: Instruction): instruction is Instruction & Copy {
  return instruction.kind === 'copy' || instruction.kind === 'add'
}

function changesFiles({ kind }: Instruction): boolean {
  return kind === 'run' || kind === 'copy' || kind === 'add' || kind === 'workdir'
}

/** RFC 3339: images that hold nothing were made at no time. */
const NEVER = timeText(0)

async function baseOf(session: BuildSession, { index, from }: Stage): Promise<StageResult> {
  const { dockerfile, request, global } = session.build
  const { escape } = from.statement
  const name = global.expand(from.base, escape)
  if (name === '') {
    throw new Problem(`Cannot begin with "${from.base.text}": it is empty`, {
      span: from.base,
      hint: 'give the variable a value: ARG before FROM, or --build-arg',
    })
  }
  const platform = from.platform && global.expand(from.platform, escape)
  const contexts = new Set(Object.keys(request.contexts))
  const scene = { dockerfile, contexts, before: index, allowsNumbers: false }
  const origin = originOf(name, scene)
  if (origin.kind === 'stage') return session.stage(origin.index)
  if (origin.kind === 'scratch') return SCRATCH
  const { document, layers } = await session.base(referenceOf(request, origin), platform)
  return {
    settings: { image: document.config, author: document.author, hasOwnCommand: false },
    history: document.history,
    layers,
    args: new Map(),
    created: document.created ?? NEVER,
  }
}

const SCRATCH: StageResult = {
  settings: {
    image: { Env: [`PATH=${DEFAULT_PATH}`], WorkingDir: '/' },
    author: undefined,
    hasOwnCommand: false,
  },
  history: [],
  layers: [],
  args: new Map(),
  created: NEVER,
}
