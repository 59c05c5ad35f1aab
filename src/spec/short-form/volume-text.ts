/** The short form of a mount: `[SOURCE:]TARGET[:OPTIONS]`. */

export interface VolumeText {
  type: 'bind' | 'volume'
  source?: string
  target: string
  readOnly?: boolean
  nocopy?: boolean
  selinux?: string
  propagation?: string
}

const PROPAGATIONS = new Set(['rprivate', 'private', 'rshared', 'shared', 'rslave', 'slave'])

/** The parts of a mount, or what is wrong with it. Colons inside `${…}` separate nothing. */
export function parseVolume(spec: string): VolumeText | string {
  if (spec === '') return 'it is empty'
  const parts = splitColons(spec)
  if (parts.some((part) => part === '')) return 'nothing stands between two colons'
  if (parts.length > 3) return 'it has too many colons; SOURCE:TARGET:OPTIONS'
  const [first = '', second, options] = parts
  if (second === undefined) return { type: 'volume', target: first }
  const volume: VolumeText = {
    type: isFilePath(first) ? 'bind' : 'volume',
    source: first,
    target: second,
  }
  for (const option of options?.split(',') ?? []) applyOption(volume, option)
  return volume
}

function applyOption(volume: VolumeText, option: string): void {
  if (option === 'ro') volume.readOnly = true
  else if (option === 'rw') volume.readOnly = false
  else if (option === 'nocopy') volume.nocopy = true
  else if (option === 'z' || option === 'Z') volume.selinux = option
  else if (PROPAGATIONS.has(option)) volume.propagation = option
}

function splitColons(spec: string): string[] {
  const parts: string[] = []
  let depth = 0
  let part = ''
  for (let at = 0; at < spec.length; at++) {
    const character = spec[at] ?? ''
    if (character === '$' && spec[at + 1] === '{') depth += 1
    else if (character === '}' && depth > 0) depth -= 1
    // `C:\\` begins a Windows path. `c:/data` is a volume named `c`, which Docker Compose takes for
    // a drive.
    if (character === ':' && depth === 0 && !(/^[A-Za-z]$/.test(part) && spec[at + 1] === '\\')) {
      parts.push(part)
      part = ''
    } else {
      part += character
    }
  }
  parts.push(part)
  return parts
}

function isFilePath(source: string): boolean {
  return /^[./~]/.test(source) || source.startsWith('\\\\') || /^[A-Za-z]:\\/.test(source)
}
