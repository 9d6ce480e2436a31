/** What the commands of `local.ts` do. */

import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bad, type Facts, type Result } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { fill } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import { checkPorts, legacyPort, webPort } from '../core/listeners.ts';
import type { Clock, Log } from '../core/ports.ts';
import { type AuthorityKey, authorityKeys } from '../core/succession.ts';
import { makeBackup, type Recovered, type Restored, recoverFromKit, restoreBackup } from '../edge/backup.ts';
import { rootActor } from '../edge/context.ts';
import { readBounded } from '../edge/files.ts';
import { kitFile } from '../edge/kit.ts';
import type { Choices } from '../edge/material.ts';
import { moveLegacyPort } from '../edge/mutual.ts';
import { maxSealedBytes } from '../edge/seal.ts';
import { initialise, isInitialised, openState, type Surroundings } from '../edge/state.ts';
import { changeChoices } from '../edge/upkeep.ts';
import { misused, numberOption, type Outcome, textOption, type Words } from './command.ts';
import { readPassphrase } from './input.ts';
import { freePort } from './port.ts';
import { date } from './print.ts';

const { progress, values } = words;
const defaultHost = '127.0.0.1';
const defaultPorts = { https: 443, mqtt: 8883 };

const systemClock: Clock = () => instant(Date.now());

/** Lower case, fields, one line each, on standard error. */
export const journal: Log = (level, message, facts: Facts = {}) => {
  if (level === 'debug') return;
  const fields = Object.entries(facts).map(([name, value]) => ` ${name}=${JSON.stringify(value)}`);
  process.stderr.write(`${level}: ${message}${fields.join('')}\n`);
};

const surroundings = (directory: string): Surroundings => ({
  directory,
  clock: systemClock,
  log: journal,
  credentials: process.env['CREDENTIALS_DIRECTORY'],
});

type Placed =
  | { readonly ok: true; readonly value: Partial<Choices>; readonly authorityKey?: AuthorityKey }
  | { readonly ok: 'misused'; readonly text: string };

export async function runInit(given: Words): Promise<Outcome> {
  const placed = readChoices(given);
  if (placed.ok !== true) return placed;
  const { state: directory } = given;
  if (isInitialised(directory))
    return { ...bad('already-exists', { what: directory }), text: fill(words.alreadyMade, { directory }) };
  const made = await firstStart(directory, placed, given.json);
  return made.ok ? { ok: true, text: '', data: undefined } : made;
}

export async function runServer(given: Words): Promise<Outcome> {
  // Broker and HTTP server are loaded here only: the other commands answer sooner without them.
  const { brokerOf } = await import('./brokers.ts');
  const { startService } = await import('../edge/service.ts');
  const placed = readChoices(given);
  if (placed.ok !== true) return placed;
  const broker = brokerOf(given);
  if (broker.ok !== true) return broker;
  const { state } = given;
  if (!isInitialised(state)) {
    const made = await firstStart(state, placed, false);
    if (!made.ok) return made;
  }
  const opened = await openState(surroundings(state));
  if (!opened.ok) return opened;
  const { server, close } = opened.value;
  const { legacyPort: legacy, ...others } = placed.value;
  const wanted = Object.fromEntries(Object.entries(others).filter(([, value]) => value !== 0));
  const changed = await changeChoices(server, wanted);
  const override = given.options['override'] === true;
  const moved =
    changed.ok && legacy !== undefined && legacy !== 0
      ? await moveLegacyPort(server, rootActor, { port: legacy, override })
      : changed;
  if (!moved.ok) {
    await close();
    return moved;
  }
  say(progress.starting);
  const started = await startService(server, await broker.value(server));
  if (!started.ok) {
    await close();
    const runs = started.fault.code === 'busy';
    return runs ? { ...started, text: fill(words.alreadyRunning, { directory: state }) } : started;
  }
  const { https, mqtt, fingerprint, web, setup } = started.value.ready;
  const ended = untilSignal();
  if (web) say(fill(progress.console, web));
  if (setup) say(fill(progress.setup, { url: setup.url, expires: date(setup.expiresAt) }));
  process.stdout.write(`ready https=${https} mqtt=${mqtt} fingerprint=${fingerprint}\n`);
  await ended;
  say(progress.stopping);
  await started.value.close();
  await close();
  return { ok: true, text: `${progress.stopped}\n`, data: {} };
}

/** Prints the passphrase before there is anything it could open. */
async function firstStart(
  directory: string,
  { value: choices, authorityKey }: Extract<Placed, { ok: true }>,
  json: boolean,
): Promise<Result<null>> {
  if (!json) say(fill(progress.making, { directory }));
  const host = choices.host ?? defaultHost;
  const wanted = {
    https: choices.httpsPort ?? defaultPorts.https,
    mqtt: choices.mqttPort ?? defaultPorts.mqtt,
    // A server on free ports is one of several on its machine.
    legacy: choices.legacyPort === undefined ? (choices.httpsPort === 0 ? 0 : legacyPort) : choices.legacyPort,
    web: choices.webPort === undefined ? (choices.httpsPort === 0 ? 0 : webPort) : choices.webPort,
  };
  const free = checkPorts(wanted);
  if (!free.ok) return free;
  const orFree = (port: number): number | Promise<number> => port || freePort(host);
  const legacy = wanted.legacy === null ? null : await orFree(wanted.legacy);
  const web = wanted.web === null ? null : await orFree(wanted.web);
  const made = await initialise(
    surroundings(directory),
    {
      host,
      name: choices.name ?? host,
      httpsPort: await orFree(wanted.https),
      mqttPort: await orFree(wanted.mqtt),
      legacyPort: legacy,
      webPort: web,
    },
    (passphrase) =>
      json
        ? process.stdout.write(`${JSON.stringify({ passphrase, kit: join(directory, kitFile) })}\n`)
        : say(fill(progress.passphrase, { passphrase })),
    authorityKey,
  );
  if (made.ok && !json) say(fill(progress.kit, { file: join(directory, kitFile) }));
  if (made.ok && !json && legacy !== null) say(fill(progress.mutual, { port: legacy }));
  return made;
}

export async function runMosquittoConfig({ state, positionals: [directory = ''] }: Words): Promise<Outcome> {
  const { writeBrokerFiles } = await import('./brokers.ts');
  const opened = await openState(surroundings(state));
  if (!opened.ok) return opened;
  try {
    return await writeBrokerFiles(opened.value.server, directory);
  } finally {
    await opened.value.close();
  }
}

export async function runBackup({ state, positionals: [file = ''] }: Words): Promise<Outcome> {
  if (existsSync(file)) return { ...bad('already-exists', { what: file }), text: fill(words.fileThere, { file }) };
  const passphrase = await readPassphrase();
  if (passphrase === '') return misused(words.noPassphrase);
  const made = await makeBackup(surroundings(state), passphrase);
  if (!made.ok) return made;
  await writeFile(file, made.value, { mode: 0o600, flag: 'wx' });
  return { ok: true, text: `${fill(values.backedUp, { file })}\n`, data: { file } };
}

export async function runRestore({ state: directory, positionals: [file = ''] }: Words): Promise<Outcome> {
  let from: Restored = { madeAt: null, main: '' };
  const back = await comeBack(directory, file, async (text, passphrase) => {
    const restored = await restoreBackup(surroundings(directory), text, passphrase);
    if (restored.ok) from = restored.value;
    return restored;
  });
  const { madeAt, main } = from;
  const known = fill(values.restoredOf, { at: madeAt === null ? values.unknownTime : date(madeAt), main });
  return back.ok === true ? { ...back, text: `${back.text}${known}\n`, data: { directory, madeAt, main } } : back;
}

export async function runRecover(given: Words): Promise<Outcome> {
  const { state: directory } = given;
  const file = textOption(given, 'kit') ?? '';
  let from: Recovered = { madeAt: null, authority: '' };
  const back = await comeBack(directory, file, async (text, passphrase) => {
    const recovered = await recoverFromKit(surroundings(directory), text, passphrase);
    if (recovered.ok) from = recovered.value;
    return recovered;
  });
  const { madeAt, authority } = from;
  const warning = fill(values.kitOf, { at: madeAt === null ? values.unknownTime : date(madeAt), authority });
  return back.ok === true
    ? { ...back, text: `${back.text}${warning}\n`, data: { directory, madeAt, authority } }
    : back;
}

async function comeBack(
  directory: string,
  file: string,
  bring: (text: string, passphrase: string) => Promise<Result<unknown>>,
): Promise<Outcome> {
  const read = readBounded(file, maxSealedBytes);
  if (!read.ok) return read.fault.code === 'not-found' ? { ...read, text: fill(words.noFile, { file }) } : read;
  const passphrase = await readPassphrase();
  if (passphrase === '') return misused(words.noPassphrase);
  const back = await bring(read.value.toString('utf8'), passphrase);
  if (!back.ok)
    return back.fault.code === 'already-exists' ? { ...back, text: fill(words.notEmpty, { directory }) } : back;
  return { ok: true, text: `${fill(values.restored, { directory })}\n`, data: { directory } };
}

function readChoices(given: Words): Placed {
  const https = numberOption(given, 'https-port', 0, 65535);
  if (https.ok !== true) return https;
  const mqtt = numberOption(given, 'mqtt-port', 0, 65535);
  if (mqtt.ok !== true) return mqtt;
  const legacy = portOrOff(given, 'legacy-port');
  if (legacy.ok !== true) return legacy;
  const web = portOrOff(given, 'web-port');
  if (web.ok !== true) return web;
  const [name, host] = [textOption(given, 'name'), textOption(given, 'host')];
  const wanted = textOption(given, 'authority-key');
  const authorityKey = authorityKeys.find((kind) => kind === wanted);
  if (wanted !== authorityKey)
    return { ok: 'misused', text: fill(words.badChoice, { name: 'authority-key', choices: authorityKeys.join(', ') }) };
  const value = {
    ...(name === undefined ? {} : { name }),
    ...(host === undefined ? {} : { host }),
    ...(https.value === undefined ? {} : { httpsPort: https.value }),
    ...(mqtt.value === undefined ? {} : { mqttPort: mqtt.value }),
    ...(legacy.value === undefined ? {} : { legacyPort: legacy.value }),
    ...(web.value === undefined ? {} : { webPort: web.value }),
  };
  return { ok: true, value, ...(authorityKey === undefined ? {} : { authorityKey }) };
}

/** Null: off. */
function portOrOff(
  given: Words,
  name: string,
):
  | { readonly ok: true; readonly value: number | null | undefined }
  | { readonly ok: 'misused'; readonly text: string } {
  return textOption(given, name) === 'off' ? { ok: true, value: null } : numberOption(given, name, 0, 65535);
}

function untilSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};
