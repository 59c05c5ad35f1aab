/** What of the host a `host:` container may see. Nothing else of it is ever there. */

/** Directories of the root that hold programs, or links into /usr where the two are merged. */
export const PROGRAM_DIRECTORIES: readonly string[] = [
  'usr',
  'bin',
  'sbin',
  'lib',
  'lib32',
  'lib64',
  'libx32',
]

/**
 * Entries of /etc that programs need to find libraries, names, time and certificates: files, links
 * and whole directories, of which only what everybody may read is taken. No passwords (shadow), no
 * private keys, no names or addresses of the machine, nothing about its services.
 */
export const ETC_ENTRIES: readonly RegExp[] = [
  /^(passwd|group|nsswitch\.conf|shells|login\.defs)$/,
  /^(ld\.so\.cache|ld\.so\.conf|ld\.so\.conf\.d|alternatives|crypto-policies)$/,
  /^(localtime|timezone|locale\.alias|locale\.conf)$/,
  /^(protocols|services|rpc|mime\.types|magic|magic\.mime|host\.conf|gai\.conf|terminfo)$/,
  /^(os-release|debian_version|redhat-release|system-release|alpine-release|lsb-release)$/,
  /^(profile|bash\.bashrc|bashrc|inputrc|skel|fonts)$/,
  /^(perl|python3(\.\d+)?|java-\d+-openjdk)$/,
]

/** Inside /etc/ssl and /etc/pki, beside which keys lie: only these. */
export const CERTIFICATE_ENTRIES: readonly string[] = [
  'ssl/certs',
  'ssl/cert.pem',
  'ssl/openssl.cnf',
  'pki/ca-trust/extracted',
  'pki/tls/certs',
  'pki/tls/cert.pem',
  'pki/tls/openssl.cnf',
  'ca-certificates/extracted',
]

/** Empty directories, each with its mode. */
export const EMPTY_DIRECTORIES: Readonly<Record<string, number>> = {
  dev: 0o755,
  home: 0o755,
  media: 0o755,
  mnt: 0o755,
  opt: 0o755,
  proc: 0o555,
  root: 0o700,
  run: 0o755,
  srv: 0o755,
  sys: 0o555,
  tmp: 0o1777,
  var: 0o755,
  'var/cache': 0o755,
  'var/lib': 0o755,
  'var/log': 0o755,
  'var/tmp': 0o1777,
}
