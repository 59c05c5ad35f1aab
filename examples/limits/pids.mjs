// Starts sleeping processes until the kernel refuses one, and prints how many it let us have.
import { spawn } from 'node:child_process'
import { once } from 'node:events'

const children = []
for (;;) {
  const child = spawn('sleep', ['1000'])
  try {
    await once(child, 'spawn')
  } catch (error) {
    console.log(`refused after ${children.length} processes: ${error.code}`)
    break
  }
  children.push(child)
}
for (const child of children) child.kill('SIGKILL')
