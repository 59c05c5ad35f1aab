/**
 * What a plain (unquoted) YAML scalar means: YAML 1.2 core, with the 1.1 leftovers that Compose
 * files rely on.
 */
import type { ScalarType } from './node.ts'

export interface PlainMeaning {
  readonly type: ScalarType
  readonly value: string | number | boolean | null
  /** All digits of a whole number that is too large for `value` to be exact. */
  readonly digits?: string
}

const CONSTANTS: ReadonlyMap<string, PlainMeaning> = new Map<string, PlainMeaning>([
  ...['', '~', 'null', 'Null', 'NULL'].map((word): [string, PlainMeaning] => [
    word,
    { type: 'null', value: null },
  ]),
  ...['true', 'True', 'TRUE'].map((word): [string, PlainMeaning] => [
    word,
    { type: 'bool', value: true },
  ]),
  ...['false', 'False', 'FALSE'].map((word): [string, PlainMeaning] => [
    word,
    { type: 'bool', value: false },
  ]),
  ...['.nan', '.NaN', '.NAN'].map((word): [string, PlainMeaning] => [
    word,
    { type: 'float', value: Number.NaN },
  ]),
  ...['.inf', '.Inf', '.INF', '+.inf', '+.Inf', '+.INF'].map((word): [string, PlainMeaning] => [
    word,
    { type: 'float', value: Infinity },
  ]),
  ...['-.inf', '-.Inf', '-.INF'].map((word): [string, PlainMeaning] => [
    word,
    { type: 'float', value: -Infinity },
  ]),
])

const DATE =
  /^\d{4}-(?:0?[1-9]|1[0-2])-(?:0?[1-9]|[12]\d|3[01])(?:(?:[Tt]|[ \t]+)\d\d?:\d\d?:\d\d?(?:\.\d*)?(?:[ \t]*(?:Z|[-+]\d\d?(?::?\d\d)?))?)?$/
const FLOAT = /^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$/
const INTEGER =
  /^([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[oO]([0-7]+)|0[bB]([01]+)|0([0-7]+)|([1-9][0-9]*|0))$/

/**
 * Octal is `0o10` and, as every Compose file means it, `010`. `_` may separate digits. `yes` and
 * `on` are strings, and so is `12:30`.
 */
export function resolvePlain(text: string): PlainMeaning {
  const constant = CONSTANTS.get(text)
  if (constant !== undefined) return constant
  const first = text.charCodeAt(0)
  const numeric = (first >= 48 && first <= 57) || first === 43 || first === 45 || first === 46
  return (numeric ? resolveNumber(text) : undefined) ?? { type: 'string', value: text }
}

function resolveNumber(text: string): PlainMeaning | undefined {
  if (DATE.test(text)) return { type: 'time', value: text }
  const plain = text.includes('_') ? text.replaceAll('_', '') : text
  const integer = INTEGER.exec(plain)
  if (integer !== null) return integerMeaning(integer)
  if (FLOAT.test(plain)) return { type: 'float', value: Number(plain) }
  return undefined
}

function integerMeaning(match: RegExpExecArray): PlainMeaning {
  const [, sign, hex, octal, binary, oldOctal, decimal] = match
  const forms = [prefixed('0x', hex), prefixed('0o', octal ?? oldOctal), prefixed('0b', binary)]
  const digits = forms.find((form) => form !== undefined) ?? decimal ?? '0'
  const negative = sign === '-'
  const size = Number(digits)
  if (Number.isSafeInteger(size)) {
    return { type: 'int', value: negative && size !== 0 ? -size : size }
  }
  const exact = negative ? -BigInt(digits) : BigInt(digits)
  // 64 bits hold it, or it becomes a float.
  const isFloat = exact >= 2n ** 64n || exact < -(2n ** 63n)
  if (isFloat) return { type: 'float', value: Number(exact) }
  return { type: 'int', value: Number(exact), digits: String(exact) }
}

function prefixed(prefix: string, digits: string | undefined): string | undefined {
  return digits === undefined ? undefined : prefix + digits
}
