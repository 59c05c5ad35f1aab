/**
 * Set-up of every test file, by which nothing but a single process can be signalled from a test: a
 * pid that was read from an empty file is 0, and a signal to 0 ends the whole group of processes
 * that runs the tests, one to -1 everything on the machine: kill(2).
 */

const kill = process.kill.bind(process)

process.kill = (pid: number, signal?: string | number): true => {
  if (Number.isSafeInteger(pid) && pid > 1) return kill(pid, signal)
  throw new Error(`Cannot signal "${pid}": it is no process of a test's; read its pid again`)
}
