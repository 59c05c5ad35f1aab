/** What this runtime can do, for those who ask before they write a config. */

import { existsSync } from 'node:fs'
import { ARCHITECTURE, CAPABILITIES } from '../linux/index.ts'
import { MOUNT_WORDS } from './mount-options.ts'
import { SECCOMP_ARCHITECTURES, SECCOMP_FLAGS } from './seccomp.ts'
import { NAMESPACE_NAMES } from './spec.ts'
import { OCI_VERSION } from './store.ts'

export function features(): object {
  return {
    ociVersionMin: '1.0.0',
    ociVersionMax: OCI_VERSION,
    hooks: [
      'prestart',
      'createRuntime',
      'createContainer',
      'startContainer',
      'poststart',
      'poststop',
    ],
    mountOptions: MOUNT_WORDS,
    linux: {
      namespaces: [...NAMESPACE_NAMES].sort(),
      capabilities: CAPABILITIES.map((name) => `CAP_${name}`),
      cgroup: { v1: true, v2: true, systemd: false, systemdUser: false, rdma: false },
      seccomp: {
        enabled: true,
        actions: [
          'SCMP_ACT_ALLOW',
          'SCMP_ACT_ERRNO',
          'SCMP_ACT_KILL',
          'SCMP_ACT_KILL_PROCESS',
          'SCMP_ACT_KILL_THREAD',
          'SCMP_ACT_LOG',
          'SCMP_ACT_TRACE',
          'SCMP_ACT_TRAP',
        ],
        operators: ['EQ', 'GE', 'GT', 'LE', 'LT', 'MASKED_EQ', 'NE'].map(
          (name) => `SCMP_CMP_${name}`,
        ),
        archs: SECCOMP_ARCHITECTURES,
        knownFlags: SECCOMP_FLAGS,
        supportedFlags: SECCOMP_FLAGS,
      },
      apparmor: { enabled: existsSync('/sys/kernel/security/apparmor/profiles') },
      selinux: { enabled: false },
      intelRdt: { enabled: false },
      mountExtensions: { idmap: { enabled: true } },
    },
    annotations: { 'org.tsstack.architecture': ARCHITECTURE },
  }
}
