/** A machine of our own for one test file: a network namespace, a busybox rootfs, an engine. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { afterAll, afterEach, beforeAll, expect } from 'vitest'
import {
  createEngine,
  type Engine,
  type EngineEvent,
  type Outcome,
} from '../../src/engine/index.ts'
import { rootIdOf } from '../../src/engine/paths.ts'
import { plainContainer } from '../../src/planner/index.ts'
import type {
  ContainerSpec,
  DesiredContainer,
  DesiredState,
  NetworkAttachment,
  NetworkSpec,
  ObservedContainer,
  VolumeSpec,
} from '../../src/planner/index.ts'
import { enterHost } from '../net/world.ts'
import { leaks, snapshot, type LeakScope, type Snapshot } from '../support/leak.ts'
import { linesOf } from './log-lines.ts'

export const STACK = 'tst'

/** What a service of a test says; everything else is as {@link containerSpec} has it. */
export type Service = Partial<ContainerSpec> & {
  readonly dependsOn?: DesiredContainer['dependsOn']
}

/** A container of busybox without a network, and a second of grace. */
export function containerSpec(image: string, change: Partial<ContainerSpec> = {}): ContainerSpec {
  return plainContainer(image, { hostname: 'box', stopGraceMs: 1000, ...change })
}

/** Named networks and volumes of the stack, beside its services. */
export interface Resources {
  readonly networks?: readonly (Partial<NetworkSpec> & { readonly name: string })[]
  readonly volumes?: readonly string[]
}

/** A network as a stack file has it that says no more than `change`. */
export function networkSpec(change: Partial<NetworkSpec> & { readonly name: string }): NetworkSpec {
  return {
    key: change.name,
    external: false,
    internal: false,
    driver: 'bridge',
    driverOptions: {},
    ipv6: false,
    subnets: [],
    labels: {},
    ...change,
  }
}

function volumeSpec(name: string): VolumeSpec {
  return { key: name, name, external: false, driver: 'local', driverOptions: {}, labels: {} }
}

/** A service's place in `networks`. */
export function attached(...networks: readonly (string | Partial<NetworkAttachment>)[]): {
  readonly network: ContainerSpec['network']
} {
  const attachments = networks.map((one) =>
    attachmentTo(typeof one === 'string' ? { network: one } : one),
  )
  return { network: { kind: 'networks', attachments } }
}

/** A connection as `network connect` asks for it. */
export function attachmentTo(change: Partial<NetworkAttachment>): NetworkAttachment {
  return { network: '', aliases: [], gatewayPriority: 0, priority: 0, ...change }
}

/** One container for each service, `tst-<service>-1`, which answers to the service's name. */
export function desiredStack(
  image: string,
  services: Readonly<Record<string, Service>>,
  resources: Resources = {},
): DesiredState {
  return {
    stack: STACK,
    source: { directory: '/', files: [] },
    containers: Object.entries(services).map(([service, { dependsOn = [], ...change }]) => ({
      name: nameOf(service),
      service,
      index: 1,
      spec: withServiceName(service, containerSpec(image, change)),
      dependsOn,
    })),
    networks: (resources.networks ?? []).map(networkSpec),
    volumes: (resources.volumes ?? []).map(volumeSpec),
  }
}

const nameOf = (service: string): string => `${STACK}-${service}-1`

function withServiceName(service: string, spec: ContainerSpec): ContainerSpec {
  if (spec.network.kind !== 'networks') return spec
  const attachments = spec.network.attachments.map((one) => ({
    ...one,
    aliases: [service, ...one.aliases],
  }))
  return { ...spec, network: { ...spec.network, attachments } }
}

/** `sh -c SCRIPT` as the container's program. */
export const sh = (script: string): Pick<ContainerSpec, 'command'> => ({
  command: ['/bin/sh', '-c', script],
})

/** A part of a script that waits for a file: a time is too short on some machine. */
export const untilThere = (path: string): string => `while [ ! -e ${path} ]; do sleep 0.02; done`

/** Nothing of the tests' own surroundings but where their journal is. */
function journalOfTests(): Readonly<Record<string, string>> {
  const { TSSTACK_JOURNAL_SOCKET: journal } = process.env
  return journal === undefined ? {} : { TSSTACK_JOURNAL_SOCKET: journal }
}

/** A world for the tests of one file: `take` gets it, and after each test nothing may be left. */
export function useWorld(take: (world: World) => void): void {
  let world: World
  beforeAll(async () => {
    world = await World.open()
    take(world)
  })
  afterEach(async () => {
    await world.down()
    expect(await world.leaks()).toBe('')
  })
  afterAll(() => world.close())
}

export class World {
  readonly root: string
  /** `dir:` image of busybox with every applet. */
  readonly image: string
  readonly scope: LeakScope
  readonly events: EngineEvent[] = []
  engine!: Engine
  #before!: Snapshot

  private constructor(root: string) {
    this.root = root
    this.image = `dir:${join(root, 'rootfs')}`
    this.scope = {
      roots: [join(root, 'state'), join(root, 'run')],
      // What images are run with is built once for each boot; times are for plans to come.
      kept: /\/state\/(?:rootfs(?:\/|$)|timings\.json)/,
      marks: [root, rootIdOf(join(root, 'state'))],
    }
  }

  /** Moves this process into a network namespace of its own, for good, and starts an engine. */
  static async open(): Promise<World> {
    enterHost()
    const world = new World(mkdtempSync(join(tmpdir(), 'tsstack-engine-')))
    makeRootfs(join(world.root, 'rootfs'))
    // Once before: state and run directories are there from then on.
    await world.start()
    await world.engine.close()
    world.#before = snapshot(world.scope)
    await world.start()
    return world
  }

  async start(): Promise<void> {
    this.engine = await createEngine({
      stateDirectory: join(this.root, 'state'),
      runDirectory: join(this.root, 'run'),
    })
    this.engine.subscribe((event) => this.events.push(event))
    // What is open and what is there is compared with what was before.
    await this.engine.opened
  }

  /** Another engine on the same state root, as after an upgrade of the supervisor. */
  async restart(): Promise<void> {
    await this.engine.close()
    await this.start()
  }

  /**
   * Closes our engine; another process makes the stack and stays, until the caller kills it. Its
   * descriptors from 7 on are `inherited`.
   */
  async superviseElsewhere(
    services: Readonly<Record<string, Service>>,
    options: { readonly resources?: Resources; readonly inherited?: readonly number[] } = {},
  ): Promise<ChildProcess> {
    await this.engine.close()
    const { resources, inherited = [] } = options
    const desired = JSON.stringify(desiredStack(this.image, services, resources))
    const script = join(import.meta.dirname, 'supervisor.ts')
    const words = [script, join(this.root, 'state'), join(this.root, 'run'), desired]
    const unused = ['ignore', 'ignore', 'ignore', 'ignore'] as const
    const child = spawn(process.execPath, words, {
      stdio: ['ignore', 'pipe', 'inherit', ...unused, ...inherited],
      env: journalOfTests(),
    })
    const [line] = (await once(child.stdout as Readable, 'data')) as [Buffer]
    const kinds = JSON.parse(line.toString()) as readonly string[]
    if (kinds.some((kind) => kind !== 'done')) throw new Error(`Not all was done: ${kinds.join()}`)
    return child
  }

  /** Makes the stack as it says; throws unless every action succeeded. */
  async up(services: Readonly<Record<string, Service>>, resources: Resources = {}): Promise<void> {
    const outcomes = await this.apply(services, resources)
    const bad = outcomes.flatMap((one) =>
      one.kind === 'failed'
        ? [`${one.action.id}: ${one.error.message}`]
        : one.kind === 'skipped'
          ? [`${one.action.id}: skipped, ${one.because}`]
          : [],
    )
    if (bad.length > 0) throw new Error(bad.join('\n'))
  }

  async apply(
    services: Readonly<Record<string, Service>>,
    resources: Resources = {},
  ): Promise<readonly Outcome[]> {
    const desired = desiredStack(this.image, services, resources)
    return (await this.engine.apply(STACK, desired, {})).outcomes
  }

  /** Removes the stack with its volumes. */
  async down(): Promise<void> {
    const { outcomes } = await this.engine.apply(STACK, undefined, { volumes: true })
    const bad = outcomes.filter(({ kind }) => kind !== 'done')
    if (bad.length > 0) throw new Error(JSON.stringify(bad))
  }

  /** Runs one service to its end; returns all it wrote, and its exit code. */
  async run(service: Service): Promise<{ readonly output: string; readonly exitCode: number }> {
    await this.up({ one: service })
    const { exitCode = -1 } = await this.exited('one')
    const output = (await this.log('one')).toString('utf8')
    await this.down()
    return { output, exitCode }
  }

  async observe(service: string): Promise<ObservedContainer> {
    const { containers } = await this.engine.observe(STACK)
    const found = containers.find((one) => one.service === service)
    if (!found) throw new Error(`There is no container of "${service}"`)
    return found
  }

  /** Waits, by events, until `isTrue` of the service's container; returns it as it is then. */
  async when(
    service: string,
    isTrue: (container: ObservedContainer) => boolean,
  ): Promise<ObservedContainer> {
    for (;;) {
      // Listened for before the look: one that comes during it is not missed.
      const event = this.nextEvent()
      const container = await this.observe(service)
      if (isTrue(container)) return container
      await event
    }
  }

  /** Its end, with clean-up behind it: no attempt is left in the run directory. */
  async exited(service: string): Promise<ObservedContainer> {
    await this.log(service)
    return this.when(service, ({ state }) => state === 'exited')
  }

  /** Everything that the service has written, both streams as they came; waits for its end. */
  async log(service: string): Promise<Buffer> {
    const parts: Uint8Array[] = []
    for await (const { bytes } of this.engine.logs(nameOf(service), { follow: true })) {
      parts.push(Buffer.from(bytes))
    }
    return Buffer.concat(parts)
  }

  /** Waits until the running service has written a line that matches; returns the line. */
  async line(service: string, wanted: RegExp): Promise<string> {
    const abort = new AbortController()
    const options = { follow: true, signal: abort.signal }
    for await (const block of this.engine.logs(nameOf(service), options)) {
      const texts = linesOf(block).map(({ bytes }) => Buffer.from(bytes).toString('utf8'))
      const found = texts.find((text) => wanted.test(text))
      if (found === undefined) continue
      abort.abort()
      return found
    }
    throw new Error(`"${service}" ended without a line that matches ${String(wanted)}`)
  }

  /** Runs `sh -c SCRIPT` beside the service's program; returns what it wrote and its status. */
  async exec(
    service: string,
    script: string,
    change: Partial<Parameters<Engine['exec']>[1]> = {},
  ): Promise<{ readonly stdout: string; readonly stderr: string; readonly exitCode: number }> {
    const command = ['/bin/sh', '-c', script]
    const session = await this.engine.exec(nameOf(service), { command, tty: false, ...change })
    session.stdin.end()
    const [stdout, stderr, { exitCode }] = await Promise.all([
      textOf(session.stdout),
      session.stderr ? textOf(session.stderr) : '',
      session.exited,
    ])
    return { stdout, stderr, exitCode }
  }

  nextWarning(): Promise<Extract<EngineEvent, { kind: 'warning' }>> {
    return new Promise((resolve) => {
      const unsubscribe = this.engine.subscribe((event) => {
        if (event.kind !== 'warning') return
        unsubscribe()
        resolve(event)
      })
    })
  }

  nextEvent(): Promise<EngineEvent> {
    return new Promise((resolve) => {
      const unsubscribe = this.engine.subscribe((event) => {
        unsubscribe()
        resolve(event)
      })
    })
  }

  /**
   * What is left of everything since the world was opened: '' is what tests want. The engine is
   * closed for the look, so that what it keeps for itself counts when it is not let go of.
   */
  async leaks(): Promise<string> {
    await this.engine.close()
    const left = await leaks(this.#before, this.scope)
    await this.start()
    return left
  }

  async close(): Promise<void> {
    await this.engine.close()
    rmSync(this.root, { recursive: true, force: true })
  }
}

export async function textOf(stream: NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}

/** busybox and its applets, a user `jane` of two more groups, and a setuid `id`. */
function makeRootfs(directory: string): void {
  const at = (path: string): string => join(directory, path)
  for (const path of ['bin', 'etc', 'root', 'tmp', 'home/jane']) {
    mkdirSync(at(path), { recursive: true })
  }
  chmodSync(at('tmp'), 0o1777)
  copyFileSync('/bin/busybox', at('bin/busybox'))
  execFileSync(at('bin/busybox'), ['--install', at('bin')])
  writeFileSync(at('bin/plain'), 'no program\n', { mode: 0o644 })
  writeFileSync(at('bin/orphan'), '#!/no/such/interpreter\n', { mode: 0o755 })
  const passwd = ['root:x:0:0::/root:/bin/sh', 'jane:x:1000:1000::/home/jane:/bin/sh']
  writeFileSync(at('etc/passwd'), `${passwd.join('\n')}\n`)
  const groups = ['root:x:0:', 'jane:x:1000:', 'audio:x:29:jane', 'video:x:44:jane', 'games:x:60:']
  writeFileSync(at('etc/group'), `${groups.join('\n')}\n`)
}
