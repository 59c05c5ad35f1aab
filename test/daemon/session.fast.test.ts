/** What a client says, and who hears it. */
import { Socket } from 'node:net'
import { expect, test } from 'vitest'
import { Connection } from '../../src/daemon/connection.ts'
import type { ClientSignal, ServerMessage } from '../../src/daemon/protocol.ts'
import { Session } from '../../src/daemon/session.ts'

const interrupt = { kind: 'message', message: { kind: 'interrupt' } } as const

test('an interrupt that comes before anybody listens is told to the first who does', () => {
  const connection = new Connection<ServerMessage>(new Socket())
  const session = new Session(connection, { command: 'tsstack stop', pid: 1 })
  const heard: ClientSignal[] = []
  session.hear(interrupt)
  session.listener = {}
  session.listener = { onSignal: (signal) => heard.push(signal) }
  expect(heard).toEqual([{ kind: 'interrupt' }])
  session.listener = { onSignal: (signal) => heard.push(signal) }
  expect(heard).toHaveLength(1)
  session.hear(interrupt)
  expect(heard).toHaveLength(2)
})
