/*
 * A CouchDB-compatible server in memory, on a free port of loopback that is told to the parent. JavaScript, and a
 * process of its own, because it brings an old express and much else that no test should share its memory with.
 */
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const express = require('express');
const PouchDB = require('pouchdb').plugin(require('pouchdb-adapter-memory'));
const server = require('express-pouchdb')(PouchDB.defaults({ adapter: 'memory' }), {
  mode: 'minimumForPouchDB',
  overrideMode: { exclude: ['compression', 'routes/session-stub', 'routes/temp-views'] },
});

const app = express();
app.use('/', server);
const listener = createServer(app).listen(0, '127.0.0.1', () => process.send({ port: listener.address().port }));
process.on('disconnect', () => process.exit(0));
