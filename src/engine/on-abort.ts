/** Hears that a signal is aborted, also when it was before anybody listened. */

/**
 * Calls `listener` once: at once when `signal` is aborted already, as an event that has been is not
 * told to those who come later. Disposing ends the listening.
 */
export function onAbort(signal: AbortSignal, listener: () => void): Disposable {
  if (signal.aborted) listener()
  else signal.addEventListener('abort', listener, { once: true })
  return { [Symbol.dispose]: () => signal.removeEventListener('abort', listener) }
}
