/** What a registry asks for in `WWW-Authenticate`. @see RFC 9110 11.6.1, distribution spec, token */

export interface Challenge {
  readonly scheme: 'basic' | 'bearer'
  readonly realm: string
  readonly service?: string
  readonly scope?: string
}

/** The first that we can answer, bearer before basic. */
export function parseChallenges(header: string | undefined): Challenge | undefined {
  const found = [...(header ?? '').matchAll(SCHEME)].map(([, scheme = '', rest = '']) => {
    const parameters = new Map(
      [...rest.matchAll(PARAMETER)].map(([, key = '', quoted, bare]) => [
        key.toLowerCase(),
        quoted?.replaceAll(/\\(.)/g, '$1') ?? bare ?? '',
      ]),
    )
    const [service, scope] = [parameters.get('service'), parameters.get('scope')]
    return {
      scheme: scheme.toLowerCase() as Challenge['scheme'],
      realm: parameters.get('realm') ?? '',
      ...(service === undefined ? {} : { service }),
      ...(scope === undefined ? {} : { scope }),
    }
  })
  return found.find(({ scheme }) => scheme === 'bearer') ?? found[0]
}

const SCHEME =
  /(?:^|,\s*)(bearer|basic)\b((?:\s*,?\s*[\w-]+\s*=\s*(?:"(?:[^"\\]|\\.)*"|[^\s",]+))*)/gi
const PARAMETER = /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/g
