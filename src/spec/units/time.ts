/** YAML timestamps as text. */

const TIMESTAMP =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt \t]+(\d\d?):(\d\d?):(\d\d?)(\.\d+)?[ \t]*(Z|[-+]\d\d?(?::?\d\d)?)?)?$/

/** RFC 3339 form; a time without a zone is UTC. */
export function timeText(text: string): string {
  const match = TIMESTAMP.exec(text)
  if (match === null) return text
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', rest = ''] = match
  const fraction = rest.replace(/0+$/, '').replace(/\.$/, '')
  const date = `${year}-${two(month)}-${two(day)}`
  return `${date}T${two(hour)}:${two(minute)}:${two(second)}${fraction}${zoneText(match[8])}`
}

function two(part: string): string {
  return part.padStart(2, '0')
}

function zoneText(zone: string | undefined): string {
  if (zone === undefined || zone === 'Z') return 'Z'
  const [, sign = '+', hours = '', minutes = ''] = /^([-+])(\d\d?):?(\d\d)?$/.exec(zone) ?? []
  const text = `${sign}${two(hours)}:${two(minutes)}`
  return /^[-+]00:00$/.test(text) ? 'Z' : text
}
