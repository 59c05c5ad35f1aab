/** The terminal of this process, while a program elsewhere is joined to it. */

import type { TerminalSize } from '../daemon/index.ts'

/**
 * Every key goes to the program, Ctrl-C as well, and every byte of the program to the screen;
 * disposing gives the terminal back as it was.
 */
export async function enterRawMode(): Promise<Disposable> {
  process.stdin.setRawMode(true)
  // Node leaves ONLCR on: a full-screen program moves down by a newline that must stay one.
  const { spawnSync } = await import('node:child_process')
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] })
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
