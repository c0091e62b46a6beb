// Reporter for node's test runner: one line of JSON for each test that ended.
export default async function* reporter(source) {
  const names = []
  for await (const event of source) {
    const { type, data } = event
    switch (type) {
      case 'test:start':
        names[data.nesting] = data.name
        names.length = data.nesting + 1
        break
      case 'test:pass':
      case 'test:fail': {
        const error = data.details?.error
        yield JSON.stringify({
          names: [...names.slice(0, data.nesting), data.name],
          file: data.file,
          suite: data.details?.type === 'suite',
          passed: type === 'test:pass',
          skipped: data.skip !== undefined || data.todo !== undefined,
          reason: String(data.skip ?? data.todo ?? ''),
          took: data.details?.duration_ms ?? 0,
          error: error ? String(error.cause?.stack ?? error.stack ?? error) : '',
        }) + '\n'
        break
      }
      case 'test:stdout':
      case 'test:stderr':
        yield JSON.stringify({ output: data.message }) + '\n'
        break
    }
  }
}
