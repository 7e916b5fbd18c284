// Loaded with `--import` into the processes of the demo, before their own code.
import net from 'node:net';

// Whoever asks for a port alone would get it on every address of the machine. An own host, and a socket, stay.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function listenOnLoopback(target, ...rest) {
  this.once('listening', () => {
    const address = this.address();
    if (process.connected && typeof address === 'object') process.send({ port: address.port });
  });
  const isPortAlone = /^\d+$/.test(String(target)) && typeof rest[0] !== 'string';
  return isPortAlone ? listen.call(this, Number(target), '127.0.0.1', ...rest) : listen.call(this, target, ...rest);
};

// The demo is gone, in whatever way: so is this process. The channel alone does not keep it alive.
process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
process.channel?.unref();
