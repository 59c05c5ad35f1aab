/** Registries: pull, push, login. */

export type { Env } from './credentials.ts'
export { fetchFile } from './fetch-file.ts'
export { Http } from './http.ts'
export { login, logout } from './login.ts'
export { openRegistryImage } from './pull.ts'
export { pushImage } from './push.ts'
export { readRegistrySettings } from './settings.ts'
