// Loaded before everything else (node --require). The PDS and the PLC directory
// have no option for the address they listen on and would take every interface
// of the machine; a test server must not be reachable from outside it. So any
// listen() that names no host, socket or descriptor is given 127.0.0.1.
'use strict'
const { Server } = require('node:net')

const listen = Server.prototype.listen
const HOME = '127.0.0.1'

Server.prototype.listen = function (...args) {
  const [first, second] = args
  if (first !== null && typeof first === 'object') {
    const placed = ['host', 'path', 'fd', '_handle'].some((k) => first[k] !== undefined)
    if (!placed) args[0] = { ...first, host: HOME }
    return listen.apply(this, args)
  }
  const isPath = typeof first === 'string' && Number.isNaN(Number(first))
  if (isPath || typeof second === 'string') return listen.apply(this, args)
  const port = first === undefined || first === null || typeof first === 'function' ? 0 : Number(first)
  const callback = args.find((a) => typeof a === 'function')
  return listen.call(this, { port, host: HOME }, callback)
}
