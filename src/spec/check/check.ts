/** Checks that the parts of a stack fit together: each rule is a function, and all of them run. */
import type { Report } from '../diagnostics/report.ts'
import type { Activation } from '../activate/profiles.ts'
import type { Service, Stack } from '../model.ts'
import type { Path } from '../schema/validate.ts'
import { locate } from '../tree/locate.ts'
import type { Node, Place } from '../tree/node.ts'
import { checkAttachments, checkFaults, checkSharedAddresses } from './attachments.ts'
import { checkOwnOptions } from './own-options.ts'
import { checkBuild } from './build.ts'
import { checkCycles } from './cycles.ts'
import { checkDependencies } from './dependencies.ts'
import { checkContainerNames } from './names.ts'
import { checkGroupParent } from './group-parent.ts'
import { checkHealth } from './health.ts'
import { checkHooks } from './hooks.ts'
import { checkLimits, checkScale } from './limits.ts'
import { checkLogging } from './logging.ts'
import { checkMounts } from './mounts.ts'
import { checkNetworks } from './networks.ts'
import { checkPorts } from './ports.ts'
import { checkSharedPorts } from './shared-ports.ts'
import { checkRoom, checkSubnetsApart } from './subnets.ts'
import { checkReferences } from './references.ts'
import { checkResolving } from './resolving.ts'
import { checkTexts } from './texts.ts'
import { checkUlimits } from './ulimits.ts'
import { checkWatch } from './watch.ts'
import { checkUsers } from './users.ts'

export interface CheckContext {
  readonly stack: Stack
  readonly activation: Activation
  readonly report: Report
  /** Whether what could never be made is an error here, and not a warning. */
  readonly feasibility: boolean
  /**
   * Something below the path was wrong and was taken out, so that what is missing there means
   * nothing.
   */
  readonly isDoubtful: (...path: readonly string[]) => boolean
  readonly placeOf: (path: readonly (string | number)[], what?: 'key' | 'value') => Place
}

export type ServiceRule = (name: string, service: Service, context: CheckContext) => void

const SERVICE_RULES: readonly ServiceRule[] = [
  checkImage,
  checkBuild,
  checkReferences,
  checkHealth,
  checkHooks,
  checkDependencies,
  checkScale,
  checkLimits,
  checkLogging,
  checkMounts,
  checkAttachments,
  checkResolving,
  checkPorts,
  checkFaults,
  checkOwnOptions,
  checkWatch,
  checkUsers,
  checkUlimits,
  checkGroupParent,
  checkTexts,
]

interface CheckOptions {
  readonly activation: Activation
  readonly report: Report
  readonly tree: Node
  readonly wrong: readonly Path[]
  readonly feasibility: boolean
}

export function checkConsistency(
  stack: Stack,
  { activation, report, tree, wrong, feasibility }: CheckOptions,
): void {
  const context: CheckContext = {
    stack,
    activation,
    report,
    feasibility,
    isDoubtful: (...path) => wrong.some((at) => path.every((part, index) => at[index] === part)),
    placeOf: (path, what) => locate(tree, path, what),
  }
  for (const [name, service] of Object.entries(activation.active)) {
    for (const rule of SERVICE_RULES) rule(name, service, context)
  }
  checkSecrets(context)
  checkContainerNames(context)
  checkNetworks(context)
  checkSharedAddresses(context)
  checkSharedPorts(context)
  checkSubnetsApart(context)
  checkRoom(context)
  checkCycles(context)
}

function checkImage(name: string, service: Service, context: CheckContext): void {
  const { report, placeOf, isDoubtful } = context
  const { image, build, provider } = service
  if (image !== undefined || build !== undefined || provider !== undefined) return
  if (isDoubtful('services', name)) return
  report.error({
    rule: 'no-image',
    place: placeOf(['services', name], 'key'),
    message:
      `Cannot run the service "${name}": ` +
      'it has neither an image nor a build context specified',
  })
}

function checkSecrets({ stack, report, placeOf, isDoubtful }: CheckContext): void {
  for (const [name, secret] of Object.entries(stack.secrets ?? {})) {
    const { external, file, environment } = secret
    if (external === true || file !== undefined || environment !== undefined) continue
    if (isDoubtful('secrets', name)) continue
    report.error({
      rule: 'no-source',
      place: placeOf(['secrets', name], 'key'),
      message:
        `Cannot use the secret "${name}": it must declare either file or environment; ` +
        'a driver alone has no content here',
    })
  }
}
