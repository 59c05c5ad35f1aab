/** The unit by which systemd keeps the supervisor, and brings stacks up at boot. */

import { Buffer } from 'node:buffer'
import { join, resolve } from 'node:path'

export interface UnitPlace {
  /** Directory of units: /etc/systemd/system. */
  readonly directory: string
  /** TSSTACK_ROOT, when there is one: each root has a unit of its own. */
  readonly root: string | undefined
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
  return join(place.directory, 'multi-user.target.wants', unitName(place))
}

/**
 * Text of the unit. The supervisor's end is not the containers' end: KillMode=process; and their
 * control groups are its own: Delegate=yes. When the machine goes down they are stopped as their
 * files say, while there still are networks and file systems: `stopping`, see systemctl(1).
 */
export function unitText(
  { root }: UnitPlace,
  program: { readonly node: string; readonly script: string },
): string {
  const environment =
    root === undefined ? [] : [`Environment=${quoted(`TSSTACK_ROOT=${resolve(root)}`)}`]
  const command = `${quoted(program.node)} ${quoted(program.script)}`
  const isGoingDown = quoted('[ "$(systemctl is-system-running)" != stopping ] || exec "$@"')
  return [
    '[Unit]',
    'Description=tsstack: supervises stacks of containers, and brings them up at boot',
    'Wants=network-online.target',
    'After=network-online.target local-fs.target remote-fs.target nss-lookup.target',
    '',
    '[Service]',
    'Type=exec',
    `ExecStart=${command} daemon`,
    `ExecStop=/bin/sh -c ${isGoingDown} sh ${command} daemon --shut-down`,
    'TimeoutStopSec=10min',
    ...environment,
    'Restart=always',
    'RestartSec=1s',
    'KillMode=process',
    'Delegate=yes',
    'TasksMax=infinity',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n')
}

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
