/** A container that asks for nothing: what specs are made from that come from no stack file. */

import { LOG_SEGMENT_BYTES_MAX, LOG_SEGMENTS_MAX, SHM_BYTES_DEFAULT } from '../limits.ts'
import type { ContainerSpec } from './model.ts'

/** Without network, volumes or limits, as Docker runs one; `change` says what is different. */
export function plainContainer(image: string, change: Partial<ContainerSpec> = {}): ContainerSpec {
  return {
    image,
    environment: {},
    hostname: 'localhost',
    init: false,
    tty: false,
    stdinOpen: false,
    readOnly: false,
    stopSignal: 'SIGTERM',
    stopGraceMs: 10_000,
    restart: { condition: 'no' },
    mounts: [],
    network: { kind: 'none' },
    ports: [],
    extraHosts: [],
    dns: [],
    dnsSearch: [],
    dnsOptions: [],
    resources: {},
    capAdd: [],
    capDrop: [],
    privileged: false,
    noNewPrivileges: false,
    seccomp: 'default',
    sysctls: {},
    ulimits: {},
    shmBytes: SHM_BYTES_DEFAULT,
    labels: {},
    logging: {
      driver: 'local',
      segmentBytesMax: LOG_SEGMENT_BYTES_MAX,
      segmentsMax: LOG_SEGMENTS_MAX,
    },
    ...change,
  }
}
