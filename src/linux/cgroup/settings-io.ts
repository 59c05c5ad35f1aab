/** Limits on block devices as writes to the files of v1 and v2. */

import { asWrite, cgroupWrite, type CgroupWrite } from './settings-write.ts'
import type { BlockIoLimit, BlockIoSettings } from './types.ts'

/** What a group that lives already has: devices with a limit, by the file that says so. */
export interface BlockIoState {
  readonly devices: Readonly<Record<string, readonly string[]>>
  /** Files of the group that exist. */
  readonly has: (file: string) => boolean
}

/** @see Documentation/admin-guide/cgroup-v1/blkio-controller.rst, block/bfq-cgroup.c */
export const THROTTLE_FILES: Readonly<Record<BlockIoLimit, string>> = {
  rbps: 'blkio.throttle.read_bps_device',
  wbps: 'blkio.throttle.write_bps_device',
  riops: 'blkio.throttle.read_iops_device',
  wiops: 'blkio.throttle.write_iops_device',
}

/** v1: one file for each kind of limit; a rate of 0 takes a limit away. */
export function writesForV1Io(
  settings: BlockIoSettings | undefined,
  state: BlockIoState | undefined,
): readonly CgroupWrite[] {
  const { weight, weights = [], leafWeight, leafWeights = [], limits = [] } = settings ?? {}
  const leaf = asWrite('blkio', 'blkio.leaf_weight', leafWeight)
  const gone = Object.entries(THROTTLE_FILES).flatMap(([kind, file]) =>
    (state?.devices[file] ?? [])
      .filter((device) => !limits.some((one) => one.kind === kind && one.device === device))
      .map((device) => cgroupWrite('blkio', file, `${device} 0`, '')),
  )
  return [
    cgroupWrite('blkio', 'blkio.bfq.weight', weight, '100'),
    ...(leaf ? [leaf] : []),
    ...leafWeights.map((one) =>
      cgroupWrite('blkio', 'blkio.leaf_weight_device', `${one.device} ${one.weight}`, ''),
    ),
    ...weights.map((one) =>
      cgroupWrite('blkio', 'blkio.bfq.weight_device', `${one.device} ${one.weight}`, ''),
    ),
    ...gone,
    ...limits.map(({ kind, device, rate }) =>
      cgroupWrite('blkio', THROTTLE_FILES[kind], `${device} ${rate}`, ''),
    ),
  ]
}

/** v2: one line for each device; BFQ has a weight of its own beside that of iocost. */
export function writesForV2Io(
  settings: BlockIoSettings | undefined,
  state: BlockIoState | undefined,
): readonly CgroupWrite[] {
  const { weight, weights = [], limits = [] } = settings ?? {}
  const isBfq = state?.has('io.bfq.weight') === true
  const file = isBfq ? 'io.bfq.weight' : 'io.weight'
  const scale = (value: number): number => (isBfq ? value : ioWeight(value))
  const devices = new Set([
    ...(state?.devices['io.max'] ?? []),
    ...limits.map(({ device }) => device),
  ])
  return [
    cgroupWrite(
      'io',
      file,
      weight === undefined ? undefined : `default ${scale(weight)}`,
      'default 100',
    ),
    ...weights.map((one) => cgroupWrite('io', file, `${one.device} ${scale(one.weight)}`, '')),
    ...[...devices].map((device) =>
      cgroupWrite('io', 'io.max', `${device} ${maxima(device, limits)}`, ''),
    ),
  ]
}

function maxima(device: string, limits: BlockIoSettings['limits']): string {
  const kinds: readonly BlockIoLimit[] = ['rbps', 'wbps', 'riops', 'wiops']
  return kinds
    .map((kind) => {
      const limit = limits.find((one) => one.device === device && one.kind === kind)
      return `${kind}=${limit?.rate ?? 'max'}`
    })
    .join(' ')
}

/** 10..1000 on 1..10000, as opencontainers/cgroups has it. */
function ioWeight(weight: number): number {
  return Math.trunc(1 + ((weight - 10) * 9999) / 990)
}
