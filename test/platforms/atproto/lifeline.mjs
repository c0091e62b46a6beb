// A test server lives as long as the test process that holds the other end of
// its standard input: however that process ends, nothing is left running, and
// the server's own folder goes with it. A SIGKILL of the server alone leaves the
// folder, so that a restart finds what was durable.
import { rmSync } from 'node:fs'

export function liveAsLongAsParent(folder) {
  const end = () => {
    if (folder) rmSync(folder, { recursive: true, force: true })
    process.exit(0)
  }
  process.stdin.on('end', end).on('close', end).on('error', end)
  process.stdin.resume()
}

export function ready(port) {
  process.stdout.write(JSON.stringify({ ready: true, port, seconds: process.uptime() }) + '\n')
}

export function setting(name) {
  const value = process.env[name]
  if (!value) throw new Error(`${name} is not set`)
  return value
}
