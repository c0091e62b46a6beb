// A PDS with a durable folder of its own, so that it can be killed and started
// again. Settings: PORT, PLC_PORT, FOLDER, ADMIN_PASSWORD, SECRET (64 hexadecimal
// digits), RATE_LIMITS (1 or nothing), BACKLOG_MS (for how long events are replayed,
// a day if nothing).
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { envToCfg, envToSecrets, PDS } from '@atproto/pds'
import { liveAsLongAsParent, ready, setting } from './lifeline.mjs'

const port = Number(setting('PORT'))
const folder = setting('FOLDER')
const secret = setting('SECRET')
const blobs = path.join(folder, 'blobs')
mkdirSync(blobs, { recursive: true })
liveAsLongAsParent(folder)

// Nothing listens there: the test network has no AppView and no moderation service.
const nowhere = 'http://localhost:9'

const settings = {
  devMode: true,
  port,
  hostname: 'localhost',
  dataDirectory: folder,
  blobstoreDiskLocation: blobs,
  // By name: the PDS refuses to fetch from an address.
  didPlcUrl: `http://localhost:${setting('PLC_PORT')}`,
  disableSsrfProtection: true,
  serviceHandleDomains: ['.test'],
  inviteRequired: false,
  adminPassword: setting('ADMIN_PASSWORD'),
  // The same at every start, or accounts made before a restart were lost to it.
  jwtSecret: secret,
  dpopSecret: secret,
  plcRotationKeyK256PrivateKeyHex: secret,
  rateLimitsEnabled: process.env.RATE_LIMITS === '1',
  repoBackfillLimitMs: process.env.BACKLOG_MS ? Number(process.env.BACKLOG_MS) : undefined,
  bskyAppViewUrl: nowhere,
  bskyAppViewDid: 'did:web:appview.invalid',
  modServiceUrl: nowhere,
  modServiceDid: 'did:web:moderation.invalid',
}
const pds = await PDS.create(envToCfg(settings), envToSecrets(settings))
await pds.start()
ready(port)
