// Runs a program until stdin closes, which it does when the process that holds its other end is gone, however that ended.

import { spawn } from 'node:child_process';

/** The server itself gives those who do not read five seconds. */
const GRACE_MS = 10_000;

const [program, ...args] = process.argv.slice(2);
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });

function end() {
  child.kill('SIGTERM');
  setTimeout(() => child.kill('SIGKILL'), GRACE_MS).unref();
}

process.stdin.on('close', end).resume();
process.on('SIGTERM', end);
// Ctrl-C reaches the whole group: the program ends by itself, and this process after it.
process.on('SIGINT', () => {});

child.on('error', (error) => {
  console.error(error.message);
  process.exit(2);
});
child.on('exit', (code, signal) => {
  if (signal) console.error(`ended by ${signal}`);
  process.exit(code ?? 2);
});
