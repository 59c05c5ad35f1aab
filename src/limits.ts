/** Every bound in tsstack, each with its reason. Imports nothing. */

/** A stack file larger than this is refused before it is parsed: no real one comes near. */
export const STACK_FILE_BYTES_MAX: number = 10 * 1024 * 1024
