/** The kernel, typed: the front door of this room. No policy lives here, and nothing else imports koffi. */

export { errnoName, errnoNumber, errnoText } from './errno.ts'
