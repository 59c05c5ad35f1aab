/** Input schema of `ports` and `volumes`: short forms are strings here, read in a later phase. */
import {
  assignments,
  atLeast,
  either,
  fixed,
  flag,
  integerOrText,
  numberOnly,
  numberOrText,
  oneOf,
  type Schema,
  text,
  unique,
} from './kinds.ts'

export const ports: Schema = unique(
  either(
    numberOnly,
    text,
    fixed(
      {
        name: text,
        mode: text,
        host_ip: text,
        target: integerOrText,
        published: integerOrText,
        protocol: text,
        app_protocol: text,
      },
      ['target'],
    ),
  ),
)

const mount = fixed(
  {
    type: oneOf('bind', 'volume', 'tmpfs', 'cluster', 'npipe', 'image'),
    source: text,
    target: text,
    read_only: flag,
    consistency: text,
    bind: fixed({
      propagation: text,
      create_host_path: flag,
      recursive: oneOf('enabled', 'disabled', 'writable', 'readonly'),
      selinux: oneOf('z', 'Z'),
    }),
    volume: fixed({ labels: assignments, nocopy: flag, subpath: text }),
    tmpfs: fixed({ size: atLeast(0), mode: numberOrText }),
    image: fixed({ subpath: text }),
  },
  ['type', 'target'],
)

export const volumes: Schema = unique(either(text, mount))
