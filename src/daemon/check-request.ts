/**
 * The supervisor's side of the boundary: what clients send, checked before anything is done with
 * it.
 */

import type { ExecRequest, TerminalSize } from '../engine/index.ts'
import { UsageError } from '../errors.ts'
import type { DesiredState, Plan, PlanOptions } from '../planner/index.ts'
import { changeWish } from './check-change.ts'
import { networkCommand } from './check-network.ts'
import { buildStep } from './building/check-step.ts'
import { copySource } from './check-copy.ts'
import { followAndAbort, lossWish, watchMode, whichBuilds } from './check-up.ts'
import { volumeCommand } from './check-volume.ts'
import { count, flag, listOf, plainObject, recordOf, shape, text, textLike } from './check.ts'
import type { Check } from './check.ts'
import type {
  ClientHello,
  ClientSignal,
  CopyRequest,
  LogPoint,
  LogRequest,
  Resume,
  Request,
  RunOptions,
  StackInput,
  StackSourceInput,
  WaitRequest,
} from './protocol.ts'

/** Names become parts of paths and of kernel objects. */
const STACK_NAME = /^[a-z0-9][a-z0-9_-]{0,127}$/
const OBJECT_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/
/** Rows and columns are 16 bits in `struct winsize`. */
const CELLS_MAX = 0xffff

export const stackName: Check<string> = textLike(
  STACK_NAME,
  'a stack name: lower-case letters, digits, "-" and "_", beginning with a letter or digit',
)

const texts = listOf(text)

const stackInput = shape<StackInput>(
  {
    cwd: textLike(/^\/[^\0]*$/, 'an absolute path'),
    env: recordOf(text),
    files: texts,
    stdin: (value, place) => {
      if (typeof value === 'string') return value
      throw new UsageError(`Cannot understand the request: "${place}" has to be a string`)
    },
    projectName: stackName,
    instance: stackName,
    projectDirectory: text,
    envFiles: texts,
    profiles: texts,
    services: texts,
    scale: recordOf(count),
    strict: flag,
    allResources: flag,
    color: flag,
  },
  ['cwd', 'env'],
)

const planOptions = shape<PlanOptions>(
  {
    services: texts,
    noDeps: flag,
    volumes: flag,
    removeOrphans: flag,
    removedServices: texts,
    forceRecreate: flag,
    alwaysRecreateDeps: flag,
    noRecreate: flag,
    renewAnonymousVolumes: flag,
    recreateVolumes: flag,
    noStart: flag,
    restart: flag,
    rollback: flag,
    oneOffs: flag,
    graceMs: count,
  },
  [],
)

const resumption = shape<Resume>(
  {
    at: count,
    points: listOf(
      shape<LogPoint>({ container: text, time: count, bytes: count }, [
        'container',
        'time',
        'bytes',
      ]),
    ),
  },
  ['at', 'points'],
)

const logRequest = shape<LogRequest>(
  {
    services: texts,
    index: count,
    follow: flag,
    tail: count,
    since: count,
    until: count,
    resume: resumption,
  },
  ['services', 'follow'],
)

const waitRequest = shape<WaitRequest>({ timeoutMs: count }, [])

const cells: Check<number> = (value, place) => Math.min(count(value, place), CELLS_MAX)
const terminalSize = shape<TerminalSize>({ rows: cells, columns: cells }, ['rows', 'columns'])

const execRequest = shape<ExecRequest>(
  {
    command: texts,
    tty: flag,
    environment: recordOf(text),
    user: text,
    workingDir: text,
    privileged: flag,
    size: terminalSize,
    detach: flag,
  },
  ['command', 'tty'],
)

const objectName = textLike(OBJECT_NAME, 'a name of letters, digits, "_", "." and "-"')

const runOptions = shape<RunOptions>(
  {
    command: texts,
    entrypoint: text,
    environment: recordOf(text),
    inherited: texts,
    labels: recordOf(text),
    user: text,
    workingDir: text,
    volumes: texts,
    publish: texts,
    servicePorts: flag,
    useAliases: flag,
    capAdd: texts,
    capDrop: texts,
    name: objectName,
    pull: text,
    noDeps: flag,
    removeOrphans: flag,
    remove: flag,
    detach: flag,
    tty: flag,
    size: terminalSize,
  },
  [
    'command',
    'environment',
    'labels',
    'volumes',
    'publish',
    'servicePorts',
    'useAliases',
    'capAdd',
    'capDrop',
    'noDeps',
    'remove',
    'detach',
    'tty',
  ],
)

const CHECKS: { readonly [Kind in Request['kind']]: (body: Body) => Request } = {
  'hand-over': () => ({ kind: 'hand-over' }),
  'shut-down': () => ({ kind: 'shut-down' }),
  status: () => ({ kind: 'status' }),
  stacks: () => ({ kind: 'stacks' }),
  observe: (body) => ({ kind: 'observe', ...selection(body) }),
  processes: (body) => ({ kind: 'processes', ...selection(body) }),
  history: (body) => ({ kind: 'history', input: stackInput(body['input'], 'input') }),
  details: (body) => ({ kind: 'details', ...selection(body) }),
  facts: (body) => ({ kind: 'facts', ...selection(body) }),
  usage: (body) => ({ kind: 'usage', ...selection(body) }),
  events: (body) => ({
    kind: 'events',
    ...selection(body),
    ...(body['since'] !== undefined && { since: count(body['since'], 'since') }),
    ...(body['until'] !== undefined && { until: count(body['until'], 'until') }),
  }),
  wait: (body) => ({
    kind: 'wait',
    ...selection(body),
    downProject: flag(body['downProject'], 'downProject'),
  }),
  plan: (body) => ({
    kind: 'plan',
    source: sourceInput(body['source'], 'source'),
    options: planOptions(body['options'], 'options'),
    ...(body['build'] !== undefined && { build: whichBuilds(body['build'], 'build') }),
  }),
  up: (body) => ({
    kind: 'up',
    source: sourceInput(body['source'], 'source'),
    options: planOptions(body['options'], 'options'),
    attach: flag(body['attach'], 'attach'),
    ...followAndAbort(body),
    ...(body['losses'] !== undefined && { losses: lossWish(body['losses'], 'losses') }),
    ...(body['wait'] !== undefined && { wait: waitRequest(body['wait'], 'wait') }),
    ...(body['build'] !== undefined && { build: whichBuilds(body['build'], 'build') }),
    ...(body['watch'] !== undefined && { watch: watchMode(body['watch'], 'watch') }),
    ...(body['pull'] !== undefined && { pull: text(body['pull'], 'pull') }),
    ...(body['expected'] !== undefined && { expected: planLike(body['expected'], 'expected') }),
  }),
  rejoin: (body) => ({
    kind: 'rejoin',
    stack: stackName(body['stack'], 'stack'),
    options: planOptions(body['options'], 'options'),
    resume: resumption(body['resume'], 'resume'),
    since: count(body['since'], 'since'),
    ...followAndAbort(body),
  }),
  'plan-down': (body) => ({ kind: 'plan-down', ...downWish(body) }),
  down: (body) => ({ kind: 'down', ...downWish(body) }),
  'plan-change': (body) => ({ kind: 'plan-change', ...changeWish(body, stackInput) }),
  change: (body) => ({
    kind: 'change',
    ...changeWish(body, stackInput),
    ...(body['wait'] !== undefined && { wait: waitRequest(body['wait'], 'wait') }),
  }),
  volumes: () => ({ kind: 'volumes' }),
  volume: (body) => ({ kind: 'volume', command: volumeCommand(body['command']) }),
  networks: () => ({ kind: 'networks' }),
  network: (body) => ({ kind: 'network', command: networkCommand(body['command']) }),
  logs: (body) => ({
    kind: 'logs',
    input: stackInput(body['input'], 'input'),
    logs: logRequest(body['logs'], 'logs'),
  }),
  exec: (body) => ({
    kind: 'exec',
    input: stackInput(body['input'], 'input'),
    service: text(body['service'], 'service'),
    ...(body['index'] !== undefined && { index: count(body['index'], 'index') }),
    exec: execRequest(body['exec'], 'exec'),
  }),
  run: (body) => ({
    kind: 'run',
    input: stackInput(body['input'], 'input'),
    service: text(body['service'], 'service'),
    run: runOptions(body['run'], 'run'),
    ...(body['build'] !== undefined && { build: whichBuilds(body['build'], 'build') }),
  }),
  attach: (body) => ({
    kind: 'attach',
    input: stackInput(body['input'], 'input'),
    service: text(body['service'], 'service'),
    ...(body['index'] !== undefined && { index: count(body['index'], 'index') }),
    stdin: flag(body['stdin'], 'stdin'),
  }),
  'copy-from': (body) => ({
    kind: 'copy-from',
    ...copyRequest(body),
    followLink: flag(body['followLink'], 'followLink'),
  }),
  'copy-to': (body) => ({
    kind: 'copy-to',
    ...copyRequest(body),
    what: copySource(body['what'], 'what'),
    ...(body['remove'] !== undefined && { remove: texts(body['remove'], 'remove') }),
    archive: flag(body['archive'], 'archive'),
  }),
  'build-step': (body) => ({ kind: 'build-step', step: buildStep(body['step'], 'step') }),
}

function copyRequest(body: Body): CopyRequest {
  return {
    input: stackInput(body['input'], 'input'),
    service: text(body['service'], 'service'),
    ...(body['index'] !== undefined && { index: count(body['index'], 'index') }),
    all: flag(body['all'], 'all'),
    path: text(body['path'], 'path'),
  }
}

type Body = Readonly<Record<string, unknown>>

/** The stack, and which of its services; none named: all. */
function selection(body: Body): { input: StackInput; services: readonly string[] } {
  return {
    input: stackInput(body['input'], 'input'),
    services: texts(body['services'], 'services'),
  }
}

/** @throws {UsageError} that names the field. */
export function checkRequest(message: unknown): Request {
  const body = plainObject(message, 'request')
  const kind = text(body['kind'], 'kind')
  if (!Object.hasOwn(CHECKS, kind)) {
    throw new UsageError(`Cannot understand the request: its kind is ${JSON.stringify(kind)}`, {
      hint: 'the supervisor and this command line may be of different versions',
    })
  }
  return CHECKS[kind as Request['kind']](body)
}

/** @throws {UsageError} that names the field. Fields of newer versions are let through. */
export function checkHello(message: unknown): ClientHello {
  const body = plainObject(message, 'hello')
  if (body['kind'] !== 'hello') {
    throw new UsageError('Cannot understand the client: it did not say hello')
  }
  return {
    kind: 'hello',
    protocol: count(body['protocol'], 'protocol'),
    version: text(body['version'], 'version'),
    build: text(body['build'], 'build'),
    pid: count(body['pid'], 'pid'),
    command: text(body['command'], 'command'),
    ...(body['hasRequest'] !== undefined && { hasRequest: flag(body['hasRequest'], 'hasRequest') }),
  }
}

/** @throws {UsageError} that names the field. */
export function checkSignal(message: unknown): ClientSignal {
  const body = plainObject(message, 'message')
  const kind = text(body['kind'], 'kind')
  if (kind === 'interrupt' || kind === 'stdin-end') return { kind }
  if (kind === 'answer') return { kind, yes: flag(body['yes'], 'yes') }
  if (kind === 'signal') return { kind, signal: text(body['signal'], 'signal') }
  if (kind === 'resize') return { kind, size: terminalSize(body['size'], 'size') }
  throw new UsageError(`Cannot understand the message: its kind is ${JSON.stringify(kind)}`)
}

/** It is only ever compared with a plan of our own. */
const planLike: Check<Plan> = (value, place) => plainObject(value, place) as unknown as Plan

const sourceInput: Check<StackSourceInput> = (value, place) => {
  const body = plainObject(value, place)
  if (body['kind'] === 'files') {
    return { kind: 'files', input: stackInput(body['input'], `${place}.input`) }
  }
  return { kind: 'desired', desired: desiredState(body['desired'], `${place}.desired`) }
}

/**
 * Only what becomes a path or a name: the rest is data that the sender, root as we are, answers
 * for.
 */
const desiredState: Check<DesiredState> = (value, place) => {
  const body = plainObject(value, place)
  stackName(body['stack'], `${place}.stack`)
  plainObject(body['source'], `${place}.source`)
  for (const kind of ['containers', 'networks', 'volumes']) {
    listOf((each, at) => objectName(plainObject(each, at)['name'], `${at}.name`))(
      body[kind],
      `${place}.${kind}`,
    )
  }
  return body as unknown as DesiredState
}

const downWish = (body: Body): { readonly input: StackInput; readonly options: PlanOptions } => ({
  input: stackInput(body['input'], 'input'),
  options: planOptions(body['options'], 'options'),
})
