import { assert, table, test } from '../harness.ts';
import { checkPurity, isPure } from './purity-rule.ts';
import { readSources } from './sources.ts';

const path = 'agent/core/a.ts';
const badRows = [
  { name: 'Date.now', text: 'export const a = () => Date.now();', breach: 'Date.now' },
  { name: 'new Date()', text: 'export const a = () => new Date();', breach: 'Date' },
  { name: 'new Date without brackets', text: 'export const a = () => new Date;', breach: 'Date' },
  { name: 'Date() as text', text: 'export const a = () => Date();', breach: 'Date' },
  { name: 'Date under another name', text: 'const D = Date;\nexport const a = () => D.now();', breach: 'Date' },
  { name: 'Math.random', text: 'export const a = () => Math.random();', breach: 'Math.random' },
  { name: 'Math by index', text: `export const a = () => Math['random']();`, breach: 'Math' },
  { name: 'a timer', text: 'export const a = () => setTimeout(() => {}, 1);', breach: 'setTimeout' },
  { name: 'an interval', text: 'setInterval(() => {}, 1);', breach: 'setInterval' },
  { name: 'an immediate', text: 'setImmediate(() => {});', breach: 'setImmediate' },
  { name: 'process', text: `export const a = process.env['A'];`, breach: 'process.env' },
  { name: 'console', text: `console.log('a');`, breach: 'console.log' },
  { name: 'globalThis', text: 'export const a = globalThis.Date.now();', breach: 'globalThis.Date' },
  { name: 'the other crypto', text: 'export const a = crypto.randomUUID();', breach: 'crypto.randomUUID' },
  { name: 'fetch', text: `export const a = fetch('http://a');`, breach: 'fetch' },
  { name: 'files', text: `import { readFileSync } from 'node:fs';`, breach: 'module node:fs' },
  { name: 'files without a prefix', text: `import { readFileSync } from 'fs';`, breach: 'module fs' },
  { name: 'promises of files', text: `import { open } from 'node:fs/promises';`, breach: 'module node:fs/promises' },
  { name: 'a socket', text: `import * as net from 'node:net';`, breach: 'module node:net' },
  { name: 'TLS', text: `import tls from 'node:tls';`, breach: 'module node:tls' },
  { name: 'a process', text: `import { spawn } from 'node:child_process';`, breach: 'module node:child_process' },
  { name: 'process by import', text: `import { env } from 'node:process';`, breach: 'module node:process' },
  { name: 'a package of the edge', text: `import mqtt from 'mqtt';`, breach: 'package mqtt' },
  { name: 'chance', text: `import { createHash, randomBytes } from 'node:crypto';`, breach: 'node:crypto randomBytes' },
  { name: 'signing', text: `import { sign } from 'node:crypto';`, breach: 'node:crypto sign' },
  { name: 'all of crypto', text: `import * as crypto from 'node:crypto';`, breach: 'node:crypto *' },
  { name: 'a dynamic import', text: `export const a = () => import('node:fs');`, breach: 'module node:fs' },
  {
    name: 'state of the module',
    text: 'let tries = 0;\nexport const a = () => ++tries;',
    breach: 'module-level state tries',
  },
  { name: 'a class', text: 'export class Store {}', breach: 'class Store' },
];

table('checkPurity refuses', badRows, ({ text, breach }) => {
  assert.equal(checkPurity({ path, text }), [`${path}: ${breach}`]);
});

const goodRows = [
  { name: 'a given instant', text: 'export const a = (at: number) => new Date(at).toISOString();' },
  { name: 'reading a date', text: `export const a = Date.parse('2026-01-01T00:00:00Z') + Date.UTC(2026, 1);` },
  { name: 'arithmetic', text: 'export const a = Math.floor(1.5) + Math.PI;' },
  { name: 'comments', text: '// Date.now() and process.env are forbidden\nexport const a = 1;' },
  { name: 'sentences', text: `export const a = 'Math.random() in console.sock, process.';` },
  { name: 'a parameter of the name', text: 'export const a = (process: { b: number }) => process.b;' },
  { name: 'a member of the name', text: 'export const a = (b: { console: { log: number } }) => b.console.log;' },
  {
    name: 'hashing',
    text: `import { createHash, X509Certificate } from 'node:crypto';\nexport const a = [createHash, X509Certificate];`,
  },
  { name: 'types of the world', text: `import type { Socket } from 'node:net';\nexport type A = Socket;` },
  { name: 'local variables', text: 'export function a() {\n  let b = 0;\n  return ++b;\n}' },
];

table('checkPurity takes', goodRows, ({ text }) => {
  assert.equal(checkPurity({ path, text }), []);
});

const places = [
  { name: 'agent/core/link.ts', is: true },
  { name: 'server/core/policy.ts', is: true },
  { name: 'protocol/codes.ts', is: true },
  { name: 'words/say.ts', is: true },
  { name: 'ui/update.ts', is: true },
  { name: 'ui/screens/main.ts', is: true },
  { name: 'ui/edge/agent.ts', is: false },
  { name: 'ui/main.ts', is: false },
  { name: 'agent/edge/tls.ts', is: false },
  { name: 'agent/loop.ts', is: false },
];

table('isPure', places, ({ name, is }) => {
  assert.is(isPure(name), is);
});

test('the sources that decide are pure', () => {
  const sources = readSources().filter(({ path: file }) => isPure(file));
  assert.ok(sources.length > 5);
  assert.is(sources.flatMap(checkPurity).join('\n'), '');
});
