// The PLC directory, in memory: the registry of identities without which a PDS
// can make no account. Setting: PORT.
import { createRequire } from 'node:module'
import { liveAsLongAsParent, ready, setting } from './lifeline.mjs'

const { Database, PlcServer } = createRequire(import.meta.url)('@did-plc/server')

liveAsLongAsParent()
const port = Number(setting('PORT'))
await PlcServer.create({ db: Database.mock(), port }).start()
ready(port)
