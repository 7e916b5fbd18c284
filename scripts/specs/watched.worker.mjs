// The thread that imports a document, in which every door to files, the network and other processes tells when it is
// opened, and does not open. Modules are loaded by then.
import '../../dist/libs/builder/src/openapi/document.worker.js';
import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import net from 'node:net';
import { BroadcastChannel } from 'node:worker_threads';

const told = new BroadcastChannel('reached');
told.unref();
const DOORS = { fs, 'fs.promises': fs.promises, net, dns, dgram, childProcess, 'net.Socket': net.Socket.prototype };
const ONLY = { 'net.Socket': ['connect'] };

for (const [name, door] of Object.entries(DOORS)) {
  for (const key of ONLY[name] ?? Object.keys(door)) {
    if (typeof door[key] !== 'function' || /^[A-Z]/.test(key)) continue;
    door[key] = () => {
      told.postMessage(`${name}.${key}`);
      throw new Error(`a document has reached ${name}.${key}`);
    };
  }
}
globalThis.fetch = () => {
  told.postMessage('fetch');
  throw new Error('a document has reached fetch');
};
syncBuiltinESMExports();
