/** Turns the normalised tree into the model: every key typed, every value in its canonical form. */
import type { Report } from '../diagnostics/report.ts'
import type { Stack } from '../model.ts'
import type { Node } from '../tree/node.ts'
import { type Plain, toPlain, emptyObject } from '../tree/plain.ts'
import {
  anyFlag,
  flag,
  integer,
  type Kind,
  list,
  mapping,
  type ShapeContext,
  struct,
  text,
  texts,
} from './kinds.ts'
import { service } from './service.ts'
import { labels, options } from './values.ts'

const ipam = struct({
  driver: text,
  config: list(struct({ subnet: text, gateway: text, ip_range: text, aux_addresses: labels })),
})

const network = struct(
  {
    name: text,
    driver: text,
    driver_opts: options,
    ipam,
    external: flag,
    internal: flag,
    attachable: flag,
    labels,
    enable_ipv4: anyFlag,
    enable_ipv6: anyFlag,
  },
  ['ipam'],
)

const volume = struct({ name: text, driver: text, driver_opts: options, external: flag, labels })

const fileObject = struct({
  name: text,
  file: text,
  environment: text,
  content: text,
  external: flag,
  labels,
  driver: text,
  driver_opts: options,
  template_driver: text,
})

const model = struct({ name: text, model: text, context_size: integer, runtime_flags: texts })

const SECTIONS: Readonly<Record<string, Kind>> = {
  services: mapping(service),
  networks: mapping(network),
  volumes: mapping(volume),
  secrets: mapping(fileObject),
  configs: mapping(fileObject),
  models: mapping(model),
}

/** All services, active or not, and all resources, used or not. */
export function shapeStack(tree: Node, name: string, report: Report): Stack {
  const stack = emptyObject<Plain>()
  stack['name'] = name
  stack['services'] = emptyObject<Plain>()
  if (tree.kind !== 'map') return stack as unknown as Stack
  for (const { key, value } of tree.entries.values()) {
    const section = SECTIONS[key]
    const context: ShapeContext = { report, path: [key] }
    const shaped: Plain | undefined = section?.(value, context)
    if (shaped !== undefined) stack[key] = shaped
    else if (key.startsWith('x-')) stack[key] = toPlain(value)
  }
  return stack as unknown as Stack
}
