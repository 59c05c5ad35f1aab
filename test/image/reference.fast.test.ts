import { describe, expect, test } from 'vitest'
import { familiarName, formatReference, parseReference } from '../../src/image/index.ts'
import { parseImageSource, sourceName } from '../../src/image/index.ts'

const DIGEST = `sha256:${'a'.repeat(64)}`
const OTHER = DIGEST

describe('parseReference()', () => {
  test.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['grafana/grafana', 'docker.io/grafana/grafana:latest'],
    ['index.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['localhost/web', 'localhost/web:latest'],
    ['localhost:5000/web:x', 'localhost:5000/web:x'],
    ['ghcr.io/a/b/c', 'ghcr.io/a/b/c:latest'],
    ['[::1]:5000/web', '[::1]:5000/web:latest'],
    ['Host/web', 'Host/web:latest'],
    [`nginx@${DIGEST}`, `docker.io/library/nginx@${DIGEST}`],
    [`nginx:1@${OTHER}`, `docker.io/library/nginx:1@${OTHER}`],
    ['a__b/c-d.e', 'docker.io/a__b/c-d.e:latest'],
  ])('reads %s as %s', (text, whole) => {
    expect(formatReference(parseReference(text))).toBe(whole)
    expect(formatReference(parseReference(whole))).toBe(whole)
  })

  test.each([
    ['', 'empty'],
    ['Nginx', 'lower case'],
    ['nginx:', 'no tag'],
    ['nginx:a b', 'no tag'],
    ['a//b', 'empty'],
    ['evil.com/..', 'no part'],
    ['../../etc', 'no name of a host'],
    ['nginx@sha256:12', 'no digest'],
    [`nginx@sha256:../${'a'.repeat(61)}`, 'no digest'],
    [`a@${DIGEST}@${DIGEST}`, 'more than one'],
    [`a/${'b'.repeat(300)}`, 'characters'],
    ['host..com/web', 'no name of a host'],
  ])('refuses %s', (text, why) => {
    expect(() => parseReference(text)).toThrow(why)
  })

  test('a name is shown as people write it', () => {
    expect(familiarName(parseReference('nginx'))).toBe('nginx:latest')
    expect(familiarName(parseReference('a/b:c'))).toBe('a/b:c')
    expect(familiarName(parseReference('quay.io/a/b'))).toBe('quay.io/a/b:latest')
  })
})

describe('parseImageSource()', () => {
  test.each([
    ['oci:/srv/image', 'oci:/srv/image'],
    ['oci:/srv/image:v1', 'oci:/srv/image:v1'],
    ['oci:./image', 'oci:/base/image'],
    ['docker-archive:/a.tar:ghcr.io/a/b:1', 'docker-archive:/a.tar:ghcr.io/a/b:1'],
    ['dir:rootfs', 'dir:/base/rootfs'],
    ['host:', 'host:'],
    ['docker://busybox', 'docker.io/library/busybox:latest'],
    ['busybox', 'docker.io/library/busybox:latest'],
  ])('reads %s', (text, name) => {
    expect(sourceName(parseImageSource(text, '/base'))).toBe(name)
  })

  test('a relative path without a place to begin is refused', () => {
    expect(() => parseImageSource('oci:image')).toThrow('not absolute')
  })
})
