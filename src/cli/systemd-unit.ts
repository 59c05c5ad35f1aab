/** The unit by which systemd keeps the supervisor, and brings stacks up at boot. */

import { Buffer } from 'node:buffer'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

export interface UnitPlace {
  /** Directory of units: /etc/systemd/system, or a user's own. */
  readonly directory: string
  /** Present: a unit of the user's own systemd, with where their files are. */
  readonly user?: {
    readonly dataHome: string | undefined
    readonly runtimeDirectory: string | undefined
  }
  /** TSSTACK_ROOT, when there is one: each root has a unit of its own. */
  readonly root: string | undefined
}

/** Where systemd looks for units: the machine's, or an ordinary user's. @see systemd.unit(5) */
export function unitPlace(env: NodeJS.ProcessEnv, isRoot: boolean): UnitPlace {
  const root = env['TSSTACK_ROOT'] || undefined
  if (isRoot) return { directory: '/etc/systemd/system', root }
  const config = env['XDG_CONFIG_HOME'] || join(homedir(), '.config')
  return {
    directory: join(config, 'systemd/user'),
    root,
    user: {
      dataHome: env['XDG_DATA_HOME'] || undefined,
      runtimeDirectory: env['XDG_RUNTIME_DIR'] || undefined,
    },
  }
}

/** `tsstack.service`; of another root one with its path in the name. */
export function unitName({ root }: UnitPlace): string {
  return root === undefined ? 'tsstack.service' : `tsstack-${escapePath(resolve(root))}.service`
}

export function unitFile(place: UnitPlace): string {
  return join(place.directory, unitName(place))
}

/** The link by which the unit is started at boot. */
export function unitLink(place: UnitPlace): string {
  return join(place.directory, `${targetOf(place)}.wants`, unitName(place))
}

const targetOf = ({ user }: UnitPlace): string =>
  user === undefined ? 'multi-user.target' : 'default.target'

/**
 * Text of the unit. The supervisor's end is not the containers' end: KillMode=process; and their
 * control groups are its own: Delegate=yes. When the machine goes down they are stopped as their
 * files say, while there still are networks and file systems: `stopping`, see systemctl(1).
 */
export function unitText(
  place: UnitPlace,
  program: { readonly node: string; readonly script: string },
): string {
  // The user's own systemd knows nothing of the machine's units.
  const order =
    place.user === undefined
      ? [
          'Wants=network-online.target',
          'After=network-online.target local-fs.target remote-fs.target nss-lookup.target',
        ]
      : []
  const command = `${quoted(program.node)} ${quoted(program.script)}`
  const systemctl = place.user === undefined ? 'systemctl' : 'systemctl --user'
  const isGoingDown = quoted(`[ "$(${systemctl} is-system-running)" != stopping ] || exec "$@"`)
  return [
    '[Unit]',
    'Description=tsstack: supervises stacks of containers, and brings them up at boot',
    ...order,
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${command} daemon`,
    `ExecStop=/bin/sh -c ${isGoingDown} sh ${command} daemon --shut-down`,
    'TimeoutStopSec=10min',
    // The supervisor leaves the unit's group, by which journalctl -u would find what it says.
    'SyslogIdentifier=tsstack',
    ...environmentOf(place),
    'Restart=always',
    'RestartSec=1s',
    'KillMode=process',
    'Delegate=yes',
    'TasksMax=infinity',
    '',
    '[Install]',
    `WantedBy=${targetOf(place)}`,
    '',
  ].join('\n')
}

/** All that says where our files are: a unit that looks elsewhere would supervise other stacks. */
function environmentOf({ root, user }: UnitPlace): readonly string[] {
  if (root !== undefined) return [set('TSSTACK_ROOT', resolve(root))]
  if (user === undefined) return []
  const { dataHome, runtimeDirectory } = user
  return [
    ...(dataHome === undefined ? [] : [set('XDG_DATA_HOME', dataHome)]),
    ...(runtimeDirectory === undefined ? ['UnsetEnvironment=XDG_RUNTIME_DIR'] : []),
  ]
}

const set = (name: string, value: string): string => `Environment=${quoted(`${name}=${value}`)}`

/** In double quotes: backslash, quote, percent and dollar have a meaning in systemd.syntax(7). */
function quoted(word: string): string {
  const escaped = word
    .replaceAll(/[\\"]/g, (each) => `\\${each}`)
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')
  return `"${escaped}"`
}

/** `/` becomes `-`, and what is no letter, digit, `:`, `_` or `.` its bytes: systemd-escape(1). */
function escapePath(path: string): string {
  return [...Buffer.from(path.replace(/^\/+/, ''))]
    .map((byte) => {
      const character = String.fromCharCode(byte)
      if (character === '/') return '-'
      return /[a-zA-Z0-9:_.]/.test(character)
        ? character
        : `\\x${byte.toString(16).padStart(2, '0')}`
    })
    .join('')
}
