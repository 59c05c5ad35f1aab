/** Front door of the daemon room: what the command line needs to talk to the supervisor. */

export { openRequest, openSession, Session } from './client.ts'
export type { Answer, ConnectOptions } from './client.ts'
export { placesOf } from './places.ts'
export type { Places } from './places.ts'
export { unpackLines } from './log-lines.ts'
export type { PackedLine } from './log-lines.ts'
export type * from './protocol.ts'
export { BUILD, VERSION } from './version.ts'
export { RemoteError } from './wire-error.ts'
