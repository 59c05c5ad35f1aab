/** A command that stays: what it has printed so far, and its end. */
import type { ChildProcessWithoutNullStreams as Child } from 'node:child_process'
import { finish, type Finished } from '../support/sandbox.ts'
import { until } from '../support/until.ts'
import type { Scene } from './cli-scene.ts'

export class Staying {
  readonly child: Child
  readonly end: Promise<Finished>
  #text = ''

  constructor(scene: Scene, ...words: readonly string[]) {
    this.child = scene.sandbox.start(words, { cwd: scene.folder })
    this.child.stdout.on('data', (chunk: Buffer) => (this.#text += chunk.toString()))
    this.child.stderr.on('data', (chunk: Buffer) => (this.#text += chunk.toString()))
    this.end = finish(this.child)
  }

  /**
   * Everything printed since the last call, once it matches all of `patterns`. What is to be there
   * has to be among them, to its last letter: it comes in pieces, and in two streams.
   */
  async says(...patterns: readonly RegExp[]): Promise<string> {
    await until(async () => this.#text, patterns)
    const text = this.#text
    this.#text = ''
    return text
  }

  /** Ctrl-C. */
  interrupt(): Promise<Finished> {
    this.child.kill('SIGINT')
    return this.end
  }
}
