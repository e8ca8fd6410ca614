// A Koop server on a free port of 127.0.0.1 over a folder of GeoJSON files.
//
//   node koop_server.js <folder> [<users.json>]
//
// With a file of users, it asks for tokens. It writes one line of JSON when it listens, and ends when
// its standard input does, so that it cannot outlive whoever started it.
'use strict';

const path = require('node:path');
const { createRequire } = require('node:module');

// The packages are installed beside the caller, not beside this file.
const installed = createRequire(path.join(process.cwd(), 'package.json'));
const [folder, users] = process.argv.slice(2);

// Koop writes log lines to standard output, where the one line with the address has to be alone.
const log = (...words) => process.stderr.write(`${words.join(' ')}\n`);
const logger = { debug: () => {}, silly: () => {}, verbose: () => {}, info: log, warn: log, error: log, log };

const Koop = installed('@koopjs/koop-core');
const provider = installed('@koopjs/provider-file-geojson');

const koop = new Koop({ logger, authInfo: { isTokenBasedSecurity: Boolean(users) } });
if (users) {
  const auth = installed('@koopjs/auth-direct-file')('a secret of this run only', users);
  const authorize = auth.authorize;
  // Version 3.0.0 reads a property of the Authorization header even when none was sent, and keeps the
  // word Bearer when one was: as published, no way to send a token that ArcGIS clients use works.
  auth.authorize = (request) => {
    const { authorization, ...headers } = request.headers;
    const token = authorization?.replace(/^Bearer /, '') ?? request.query?.token ?? request.body?.token;
    return authorize({
      query: request.query,
      body: request.body,
      headers: { ...headers, authorization: token ?? '' },
    });
  };
  koop.register(auth);
}
// The provider takes a path relative to the working folder.
koop.register(provider, { dataDir: path.relative(process.cwd(), folder) });

const server = koop.server.listen(0, '127.0.0.1', () => {
  const root = `http://127.0.0.1:${server.address().port}/file-geojson`;
  process.stdout.write(`${JSON.stringify({ root })}\n`);
});
process.stdin.on('close', () => process.exit(0)).on('end', () => process.exit(0)).resume();
