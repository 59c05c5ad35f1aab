/** Input schema of a whole stack file. */
import {
  assignments,
  either,
  empty,
  fixed,
  flag,
  integer,
  listOf,
  named,
  numberOrText,
  options,
  type Schema,
  text,
  textOrTexts,
} from './kinds.ts'
import { RESOURCE_NAME, serviceSchema } from './service.ts'

const external = either(flag, fixed({ name: text }))

const network = either(
  fixed({
    name: text,
    driver: text,
    driver_opts: options,
    ipam: fixed({
      driver: text,
      config: listOf(
        fixed({ subnet: text, ip_range: text, gateway: text, aux_addresses: named(text) }),
      ),
      options: named(text),
    }),
    external,
    internal: flag,
    enable_ipv4: flag,
    enable_ipv6: flag,
    attachable: flag,
    labels: assignments,
  }),
  empty,
)

const volume = either(
  fixed({ name: text, driver: text, driver_opts: options, external, labels: assignments }),
  empty,
)

const fileObject = {
  name: text,
  environment: text,
  file: text,
  external,
  labels: assignments,
  template_driver: text,
}

const model = fixed(
  { name: text, model: text, context_size: integer, runtime_flags: listOf(text) },
  ['model'],
)

export const stackSchema: Schema = fixed({
  version: text,
  name: text,
  include: listOf(
    either(text, fixed({ path: textOrTexts, env_file: textOrTexts, project_directory: text })),
  ),
  services: named(serviceSchema, RESOURCE_NAME),
  models: named(model, RESOURCE_NAME),
  networks: named(network, RESOURCE_NAME),
  volumes: named(volume, RESOURCE_NAME),
  secrets: named(
    fixed({ ...fileObject, driver: text, driver_opts: named(numberOrText) }),
    RESOURCE_NAME,
  ),
  configs: named(fixed({ ...fileObject, content: text }), RESOURCE_NAME),
})
