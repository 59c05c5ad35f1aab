/** Keeps a command that has worked hard from hanging at its end. */

/**
 * At its end node waits for compilations on other threads, and Maglev's may wait for this thread:
 * then neither goes on (https://github.com/nodejs/node/issues/54918). Without Maglev hot functions
 * are compiled by TurboFan alone, for which node does not wait so. Can go when node is mended.
 */
export function endQuietly(): void {
  process.getBuiltinModule('v8').setFlagsFromString('--no-maglev')
}
