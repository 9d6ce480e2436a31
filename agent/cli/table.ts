/**
 * All commands of `thintrust`, once: the command line, its help, the manual page and the completion of the shell are made
 * from this table (`scripts/manual.ts`).
 */
import type { Argument, Command, Option } from './command.ts';
import { certificates, code, log, media, register, show, status, version } from './device.ts';
import { diagnose } from './diagnose.ts';
import { enrolmentOptions } from './enrolment.ts';
import { repair } from './repair.ts';
import { clearSetting, connection, reset, setSetting, settingNames, settings, time } from './settings.ts';
import { add, batch, connect, follow, preflight, remove } from './trust.ts';

const clientPurposes = ['rdp', 'broker', 'log'];
const file: Argument = { name: 'FILE', needed: false, isFile: true };
const fingerprint: Argument = { name: 'FINGERPRINT', needed: true };
const purpose: Option = { name: 'purpose', value: 'PURPOSE', help: 'purpose', choices: clientPurposes, needed: true };
const passwordFile: Option = { name: 'password-file', value: 'FILE', help: 'passwordFile', isFile: true };
const server: Argument = { name: 'HOST[:PORT]', needed: false };

export const commands: readonly Command[] = [
  { path: ['status'], takes: [], options: [], help: 'status', run: status },
  { path: ['certificates'], takes: [], options: [], help: 'certificates', run: certificates },
  { path: ['certificates', 'show'], takes: [fingerprint], options: [], help: 'show', run: show },
  {
    path: ['certificates', 'add'],
    takes: [{ ...file, many: true }],
    options: [
      purpose,
      { name: 'server', value: 'HOST[:PORT]', help: 'server' },
      { name: 'fingerprint', value: 'SHA256', help: 'fingerprint' },
    ],
    help: 'add',
    run: add,
  },
  { path: ['certificates', 'remove'], takes: [fingerprint], options: [purpose], help: 'remove', run: remove },
  { path: ['certificates', 'follow'], takes: [{ ...file, needed: true }], options: [], help: 'follow', run: follow },
  { path: ['media'], takes: [], options: [], help: 'media', run: media },
  {
    path: ['connect'],
    takes: [
      { name: 'PURPOSE', choices: ['rdp', 'broker'], needed: true },
      { ...server, needed: true },
    ],
    options: [{ name: 'user', value: 'NAME', help: 'user', needed: true }, passwordFile],
    help: 'connect',
    run: connect,
  },
  {
    path: ['preflight'],
    takes: [{ name: 'PURPOSE', choices: [...clientPurposes, 'ksc'], needed: true }, server],
    options: [],
    help: 'preflight',
    run: preflight,
  },
  {
    path: ['log'],
    takes: [],
    options: [
      {
        name: 'severity',
        value: 'SEVERITY',
        help: 'severity',
        choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal'],
      },
      { name: 'limit', value: 'N', help: 'limit' },
      { name: 'before', value: 'N', help: 'before' },
    ],
    help: 'log',
    run: log,
  },
  { path: ['settings'], takes: [], options: [], help: 'settings', run: settings },
  {
    path: ['settings', 'set'],
    takes: [
      { name: 'NAME', choices: settingNames, needed: true },
      { name: 'VALUE', needed: true },
    ],
    options: [],
    help: 'set',
    run: setSetting,
  },
  {
    path: ['settings', 'clear'],
    takes: [{ name: 'NAME', choices: settingNames, needed: true }],
    options: [],
    help: 'clear',
    run: clearSetting,
  },
  {
    path: ['connection', 'set'],
    takes: [],
    options: [
      { name: 'https', value: 'HOST:PORT', help: 'https', needed: true },
      { name: 'mqtt', value: 'HOST:PORT', help: 'mqtt', needed: true },
    ],
    help: 'connection',
    run: connection,
  },
  { path: ['time', 'set'], takes: [{ name: 'TIME', needed: true }], options: [], help: 'time', run: time },
  {
    path: ['reset'],
    takes: [],
    options: [{ name: 'yes', value: null, help: 'yes', needed: true }],
    help: 'reset',
    run: reset,
  },
  {
    path: ['register'],
    takes: [],
    options: [
      { name: 'address', value: 'HOST:PORT', help: 'address', needed: true },
      { name: 'fingerprint', value: 'SHA256', help: 'serverFingerprint', needed: true },
      { name: 'invitation', value: 'ID', help: 'invitation', needed: true },
      passwordFile,
      ...enrolmentOptions,
    ],
    help: 'register',
    run: register,
  },
  { path: ['code'], takes: [{ name: 'CODE', needed: true, many: true }], options: [], help: 'code', run: code },
  {
    path: ['repair'],
    takes: [file],
    options: [{ name: 'yes', value: null, help: 'yes' }],
    help: 'repair',
    run: repair,
  },
  {
    path: ['diagnose'],
    takes: [file],
    options: [{ name: 'state', value: 'DIR', help: 'state', isFile: true }],
    help: 'diagnose',
    run: diagnose,
  },
  {
    path: ['decide'],
    takes: [],
    options: [{ name: 'batch', value: null, help: 'batch', needed: true }],
    help: 'decide',
    run: batch,
  },
  { path: ['version'], takes: [], options: [], help: 'version', run: version },
];

/** Understood with every command. */
export const commonOptions: readonly Option[] = [
  { name: 'json', value: null, help: 'json' },
  { name: 'runtime', value: 'DIR', help: 'runtime', isFile: true },
  { name: 'help', value: null, help: 'help' },
  { name: 'version', value: null, help: 'version' },
];
