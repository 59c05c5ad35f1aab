/** `EXPOSE 80 443/udp 8000-8010`: ports as the settings of an image list them. */

import { Problem } from '../dockerfile/problem.ts'
import type { Word } from '../dockerfile/words.ts'

const PORT = /^(?<first>\d{1,5})(?:-(?<last>\d{1,5}))?(?:\/(?<protocol>tcp|udp|sctp))?$/i

/** @throws {Problem} */
export function exposedPorts(words: readonly Word[]): Readonly<Record<string, object>> {
  return Object.fromEntries(words.flatMap(portsOf).map((port) => [port, {}]))
}

function portsOf(word: Word): readonly string[] {
  const { first = '', last = first, protocol = 'tcp' } = PORT.exec(word.text)?.groups ?? {}
  const [from, to] = [Number(first), Number(last)]
  if (first === '' || from < 1 || to > 65_535 || to < from) {
    throw new Problem(`Cannot expose "${word.text}": it is no port`, {
      span: word,
      hint: 'write 80, 53/udp or 8000-8010',
    })
  }
  return Array.from({ length: to - from + 1 }, (_, at) => `${from + at}/${protocol.toLowerCase()}`)
}
