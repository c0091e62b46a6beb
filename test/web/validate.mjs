// Validates documents as lines of JSON on the standard input: {"html": "…", "rules": {…}}.
// Answers each with one line: {"messages": [{"rule", "message", "line", "column", "selector"}]}.
// Ends when the input does.
import { createInterface } from 'node:readline'
import { HtmlValidate, StaticConfigLoader } from 'html-validate'

const standard = {
  root: true,
  extends: ['html-validate:standard', 'html-validate:a11y'],
}

console.log(JSON.stringify({ ready: true }))
for await (const line of createInterface({ input: process.stdin })) {
  const { html, rules } = JSON.parse(line)
  const validator = new HtmlValidate(new StaticConfigLoader({ ...standard, rules: rules ?? {} }))
  const report = await validator.validateString(html)
  const messages = report.results.flatMap((result) =>
    result.messages.map(({ ruleId, message, line, column, selector }) => ({ rule: ruleId, message, line, column, selector })))
  console.log(JSON.stringify({ messages }))
}
