/** Log in to registries and out of them, as Docker keeps it. */

import type { HttpResponse } from './http.ts'
import { type Credentials, type Env, eraseCredentials, storeCredentials } from './credentials.ts'
import { openEndpoint } from './endpoint.ts'
import { Http } from './http.ts'
import { readRegistrySettings } from './settings.ts'

/** Kept only when the registry takes them. Throws REGISTRY. */
export async function login(
  registry: string,
  account: { readonly user: string; readonly secret: string },
  env: Env,
): Promise<{ readonly where: string }> {
  using http = new Http(readRegistrySettings(env))
  const given: Credentials = { ...account, isToken: false }
  const endpoint = await openEndpoint(http, { registry }, { env, given })
  const response: HttpResponse = await endpoint.send('', { task: `log in to "${registry}"` })
  response.body.destroy()
  return storeCredentials(registry, account, env)
}

/** False when nothing was kept. */
export function logout(registry: string, env: Env): Promise<boolean> {
  return eraseCredentials(registry, env)
}
