/** The terminal of this process, while a program elsewhere is joined to it. */

import type { TerminalSize } from '../daemon/index.ts'

/** Every key goes to the program, Ctrl-C as well; disposing gives the terminal back as it was. */
export function enterRawMode(): Disposable {
  process.stdin.setRawMode(true)
  return { [Symbol.dispose]: () => process.stdin.setRawMode(false) }
}

/** Calls `listener` whenever the window changes its size. */
export function onResize(listener: (size: TerminalSize) => void): Disposable {
  const handle = (): void => listener(terminalSize())
  process.stdout.on('resize', handle)
  return { [Symbol.dispose]: () => process.stdout.off('resize', handle) }
}

export function terminalSize(): TerminalSize {
  return { rows: process.stdout.rows, columns: process.stdout.columns }
}
