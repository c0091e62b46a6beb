// Runs Lighthouse against one page in a Chromium of its own: lighthouse.mjs CHROMIUM
// reads {"url": "…", "cookie": "…", "flags": ["…"]} as the first line of the standard input and
// writes {"scores": {"performance": 1, …}, "wrong": ["…"]}. Ends early when the input does.
import { createInterface } from 'node:readline'
import { launch } from 'chrome-launcher'
import lighthouse, { desktopConfig } from 'lighthouse'

let chrome
const end = async (code) => {
  await chrome?.kill()
  process.exit(code)
}
const lines = createInterface({ input: process.stdin })
lines.once('line', async (line) => {
  try {
    const { url, cookie, flags } = JSON.parse(line)
    chrome = await launch({ chromePath: process.argv[2], chromeFlags: flags, logLevel: 'silent' })
    const result = await lighthouse(url, {
      port: chrome.port,
      logLevel: 'error',
      output: 'json',
      onlyCategories: ['performance', 'accessibility', 'best-practices'],
      extraHeaders: cookie ? { Cookie: cookie } : undefined,
    }, desktopConfig)
    const { categories, audits, runtimeError } = result.lhr
    if (runtimeError) throw new Error(`${runtimeError.code}: ${runtimeError.message}`)
    const scores = Object.fromEntries(Object.values(categories).map((c) => [c.id, c.score]))
    const wrong = Object.values(categories).flatMap((c) => c.auditRefs
      .filter((ref) => ref.weight > 0 && audits[ref.id].score !== null && audits[ref.id].score < 0.9)
      .map((ref) => `${c.id}: ${audits[ref.id].title} (${audits[ref.id].displayValue ?? audits[ref.id].score})`))
    console.log(JSON.stringify({ scores, wrong }))
    await end(0)
  } catch (error) {
    console.error(error)
    await end(1)
  }
})
lines.once('close', () => end(1))
