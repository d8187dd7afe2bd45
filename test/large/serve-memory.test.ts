import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setImmediate } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { startServeProgram } from '../support/serve-program.js';

const MiB = 1024 * 1024;

/** The most memory that a process has had, in bytes. */
function peakOf(pid: number | undefined): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
}

/** Sends a body in HTTP chunks of one byte each, some of them in a packet, and gives the answer's first line. */
async function drip(host: string, head: string, body: Buffer, atOnce: number): Promise<string> {
  const [name = '', port] = host.split(':');
  const socket = connect(Number(port), name);
  let answer = '';
  const ended = new Promise<void>((resolve, reject) => {
    socket.on('data', (data: Buffer) => (answer += data.toString())).once('close', resolve);
    socket.once('error', reject);
  });
  socket.setNoDelay(true);
  socket.write(`${head}\r\nHost: ${host}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n`);
  for (let at = 0; at < body.length && !answer.includes('\r\n'); at += atOnce) {
    const part = body.subarray(at, at + atOnce).toString('latin1');
    if (!socket.write(part.replace(/./gs, '1\r\n$&\r\n'), 'latin1'))
      await new Promise((resolve) => socket.once('drain', resolve));
    else await setImmediate();
  }
  socket.write('0\r\n\r\n');
  await ended;
  return answer.slice(0, answer.indexOf('\r\n'));
}

describe.skipIf(process.platform !== 'linux')(
  'a registry in memory whose clients send a byte a chunk',
  () => {
    it('takes the memory that its cap says, for blobs', async () => {
      const { host, command } = await startServeProgram(['--max-size', '64MiB', '--quiet']);
      const body = Buffer.alloc(3 * MiB, 'x');
      const digest = `sha256:${createHash('sha256').update(body).digest('hex')}`;
      const push = (name: string): Promise<string> =>
        drip(host, `POST /v2/${name}/blobs/uploads/?digest=${digest} HTTP/1.1`, body, 20_000);
      const before = peakOf(command.process.pid);
      const answers = await Promise.all(Array.from({ length: 2 }, (_, at) => push(`app${at}`)));
      expect(answers).toEqual(Array(2).fill('HTTP/1.1 201 Created'));
      expect(peakOf(command.process.pid) - before).toBeLessThan(150 * MiB);
      command.process.kill('SIGTERM');
      expect((await command.ended).code).toBe(0);
    });

    it('takes little for a manifest', async () => {
      const { host, command } = await startServeProgram(['--quiet']);
      const annotations = Object.fromEntries(
        Array.from({ length: 4_000 }, () => [randomUUID(), 'x'.repeat(900)]),
      );
      const manifests: never[] = [];
      const body = Buffer.from(JSON.stringify({ schemaVersion: 2, manifests, annotations }));
      const before = peakOf(command.process.pid);
      const head =
        'PUT /v2/app/manifests/1 HTTP/1.1\r\nContent-Type: application/vnd.oci.image.index.v1+json';
      expect(await drip(host, head, body, 200)).toBe('HTTP/1.1 201 Created');
      expect(peakOf(command.process.pid) - before).toBeLessThan(150 * MiB);
      command.process.kill('SIGTERM');
      expect((await command.ended).code).toBe(0);
    });
  },
);
