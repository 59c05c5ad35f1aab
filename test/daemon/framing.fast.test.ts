import * as fc from '../support/random.ts'
import { expect, test } from 'vitest'
import { encodeHeader, encodeMessage, FRAME, FrameReader } from '../../src/daemon/framing.ts'
import type { ByteFrameKind, Frame } from '../../src/daemon/framing.ts'
import { FRAME_BYTES_MAX } from '../../src/limits.ts'

const bytesFrame = (kind: ByteFrameKind, bytes: Uint8Array): Uint8Array =>
  Buffer.concat([encodeHeader(kind, bytes.length), bytes])

/** Frames as text, so that they can be compared whatever buffer they lie in. */
const shown = (frames: readonly Frame[]): readonly string[] =>
  frames.map((frame) =>
    frame.kind === 'message'
      ? `message ${JSON.stringify(frame.message)}`
      : `${frame.kind} ${Buffer.from(frame.bytes).toString('hex')}`,
  )

const anyFrame = fc.oneof(
  fc.jsonValue().map((message) => ({
    bytes: encodeMessage(message),
    text: `message ${JSON.stringify(JSON.parse(JSON.stringify(message)))}`,
  })),
  fc
    .tuple(fc.constantFrom('stdin', 'stdout', 'stderr', 'logs'), fc.uint8Array())
    .map(([kind, bytes]) => ({
      bytes: bytesFrame(kind, bytes),
      text: `${kind} ${Buffer.from(bytes).toString('hex')}`,
    })),
)

test('FrameReader.push() gives back what was encoded, however the stream is cut', () => {
  fc.assert(
    fc.property(fc.array(anyFrame), fc.array(fc.nat(40), { minLength: 1 }), (frames, cuts) => {
      const stream = Buffer.concat(frames.map(({ bytes }) => bytes))
      const reader = new FrameReader()
      const read: string[] = []
      let at = 0
      for (let turn = 0; at < stream.length; turn += 1) {
        const end = at + 1 + (cuts[turn % cuts.length] ?? 0)
        read.push(...shown(reader.push(stream.subarray(at, end))))
        at = end
      }
      expect(read).toEqual(frames.map(({ text }) => text))
    }),
  )
})

test('FrameReader.push() refuses a frame that is too long before it has arrived', () => {
  const header = Buffer.from(encodeHeader('stdin', 0))
  header.writeUInt32BE(FRAME_BYTES_MAX + 1)
  expect(() => new FrameReader().push(header)).toThrow(/at most/)
})

test('FrameReader.push() refuses a kind that it does not know', () => {
  const header = Buffer.from(encodeHeader('stdin', 0))
  header.writeUInt8(Object.keys(FRAME).length, 4)
  expect(() => new FrameReader().push(header)).toThrow(/kind/)
})

test('FrameReader.push() refuses a message that is no JSON', () => {
  const text = Buffer.from('{"kind":')
  const frame = Buffer.concat([encodeHeader('stdin', text.length), text])
  frame.writeUInt8(FRAME.message, 4)
  expect(() => new FrameReader().push(frame)).toThrow(SyntaxError)
})
