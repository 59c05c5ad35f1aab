/** What programs of a container can see and reach of one that is just joining it. */
import { expect, test } from 'vitest'
import { sh, useWorld, type World } from './support.ts'

let world: World
useWorld((opened) => (world = opened))

/** Nothing of the kind is in the container. */
const HOST_ONLY = process.execPath.slice(1)

/** What the container has said up to now. */
async function said(): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const { bytes } of world.engine.logs('tst-one-1', { follow: false })) {
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString()
}

test('what joins a container cannot be traced, nor its descriptors be read (CVE-2016-9962)', async () => {
  // Looks at every process it can see, all the time, for a descriptor that is none of its own.
  const spy = `cd /proc; echo up; while :; do
    for p in [0-9]*; do
      for f in $p/fd/*; do
        case "$(readlink $f)" in ''|/dev/null|pipe:*|/dev/pts*|/proc*|/|/bin/*) ;;
        *) echo "leak $p $f $(readlink $f)";; esac
      done
      r=$(readlink $p/cwd); case "$r" in ''|/|/proc|/root) ;; *) echo "leak cwd $r";; esac
    done; done`
  await world.up({ one: sh(spy) })
  await world.line('one', /up/)
  for (let round = 0; round < 20; round += 1) await world.exec('one', 'true')
  expect(await said()).toBe('up\n')
})

test('who may trace what joins a container finds no way up in its descriptors (CVE-2024-21626)', async () => {
  const spy = `cd /proc; echo up; while :; do
    for p in [0-9]*; do
      for f in $p/fd/* $p/cwd $p/root; do
        test -d $f || continue
        for up in .. ../../../../../../../../..; do
          test -e $f/$up/${HOST_ONLY} && echo "host by $f: $(readlink $f)"
        done
        touch $f/new && echo "made in $f: $(readlink $f)"
      done
    done; done 2> /dev/null`
  await world.up({ one: { ...sh(spy), capAdd: ['SYS_PTRACE'], readOnly: true } })
  await world.line('one', /up/)
  for (let round = 0; round < 20; round += 1) await world.exec('one', 'true')
  expect(await said()).toBe('up\n')
})
