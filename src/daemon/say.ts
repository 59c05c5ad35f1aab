/** A line of the supervisor's log, or of the journal: it has no other way to say something. */

/** `time`: milliseconds since the epoch. */
export function say(text: string, time: number = Date.now()): void {
  console.error(`${new Date(time).toISOString()} ${text}`)
}
