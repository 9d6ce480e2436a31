/** The booted machine and a real Administration Server on this computer's loopback, which the machine reaches as 10.0.2.2. */
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { good, json, reported, revisionOf, wrongCodes } from '../flow/acts.ts';
import { openSystem, type System, until } from '../flow/system.ts';
import { unknownCell } from './cells.ts';
import { type Image, openImage } from './image.ts';
import { bootMs, type Machine } from './machine.ts';

export type Invitation = Readonly<Record<'address' | 'fingerprint' | 'invitation' | 'password', string>>;
export type Stage = {
  readonly image: Image;
  readonly system: System;
  /** For the files of a machine; gone after the story. */
  readonly folder: string;
  /** Says which machine is on, for what is told when the story fails. */
  readonly on: <Each extends Machine>(machine: Promise<Each>) => Promise<Each>;
};

const hostFromGuest = '10.0.2.2';
const lastOfJournal = 'journalctl -b -o short-monotonic --no-hostname | tail -n 60';

/** Ends what the story started, and tells what was to be seen where it failed. */
export async function onStage(play: (stage: Stage) => Promise<void>): Promise<void> {
  const image = await openImage();
  const system = openSystem();
  let machine: Machine | null = null;
  const on: Stage['on'] = async (starting) => {
    const started = await starting;
    machine = started;
    return started;
  };
  try {
    await play({ image, system, folder: join(system.folder, 'machine'), on });
  } catch (error) {
    const seen = await (machine as Machine | null)?.read().catch(() => 'nothing: it is off');
    const journal = await (machine as Machine | null)?.shell(lastOfJournal).catch(() => 'not to be had');
    const parts = { screen: seen, journal, server: system.log('thintrust-server') };
    throw new Error(
      `${error}${Object.entries(parts)
        .map(([name, text]) => `\n--- ${name}\n${text}`)
        .join('')}`,
    );
  } finally {
    await (machine as Machine | null)?.cut();
    await system.close();
  }
}

export const startServer = (system: System, more: readonly string[] = []) =>
  system.startServer(['--name', hostFromGuest, ...more]);

export const invite = async (system: System, name: string, group: string): Promise<Invitation> =>
  (await json(system.admin(['invite', '--name', name, '--group', group, '--json']))) as Invitation;

/** Into the form that an unregistered device shows. */
export async function typeRegistration(machine: Machine, told: Invitation): Promise<void> {
  await machine.type(told.address);
  await machine.press('tab');
  await machine.type(told.fingerprint);
  await machine.press('tab');
  await machine.type(told.invitation);
  await machine.press('tab');
  await machine.type(told.password);
  await machine.press('ret');
}

/** A device of a group with a certificate in its policy and somebody to call; it is connected. */
export async function settle(stage: Stage, machine: Machine, name: string): Promise<void> {
  const { system } = stage;
  await good(system.admin(['group', 'add', 'Office']));
  await good(system.admin(['policy', 'add-certificate', 'Office', '--purpose', 'rdp', certificate('authority.pem')]));
  const contacts = ['--name', 'Service desk', '--phone', '+7 000 000-00-00'];
  await good(system.admin(['policy', 'set-contacts', 'Office', ...contacts]));
  await typeRegistration(machine, await invite(system, name, 'Office'));
  await machine.see(/group “Office”[\s\S]*Connection +connected[\s\S]*Policy +revision/, bootMs);
  const policy = revisionOf(await json(system.admin(['policy', 'show', 'Office', '--json'])));
  await until(
    'the report says that the policy is applied',
    () => acknowledged(system),
    (revision) => revision === policy,
  );
}

export const certificate = (name: string): string => join('test/vectors/certificates', name);

export const seeConnected = (machine: Machine, limitMs = bootMs): Promise<string> =>
  machine.see(/Connection +connected/, limitMs);

/** Keeps the picture, of which every cell must be a character of the font. */
export async function keep(machine: Machine, name: string): Promise<string> {
  await machine.keep(name);
  const shown = await machine.read();
  assert.not.match(shown, new RegExp(unknownCell), `${name} has cells that are no characters:\n${shown}`);
  return shown;
}

/** While no device is there to hear of it. */
export async function changeTwice(system: System): Promise<void> {
  for (let twice = 0; twice < 2; twice++) {
    await good(system.admin(['certificate', 'schedule']));
    await good(system.admin(['certificate', 'switch', '--override']));
  }
}

export const codeWanted = /Certificate replacement required[\s\S]*Confirmation code/;

/** As the cells of the picture say it. */
export const confirmationOn = (shown: string): string => /\b\d{4} \d{4} \d{4} \d{4}\b/.exec(shown)?.[0] ?? '';

/** What the administrator answers to the code on the screen, typed; the screen before was the one that shows it. */
export async function answerCode({ system }: Stage, machine: Machine, wrongFirst = false): Promise<void> {
  const confirmation = confirmationOn(await machine.see(codeWanted));
  const answered = (await json(system.admin(['code', confirmation, '--json']))) as Record<string, string>;
  const replacement = String(answered['replacementCode']).replaceAll(' ', '');
  await machine.press('ret');
  await machine.see(/Certificate replacement code[\s\S]*Attempts left: 5/);
  if (wrongFirst) {
    await machine.type(wrongCodes[0] ?? '');
    await machine.press('ret');
    await machine.see(/Attempts left: 4/);
    await keep(machine, '80x25-en-code');
    for (let digit = 0; digit < 12; digit++) await machine.press('backspace');
  }
  await machine.type(replacement);
  await machine.press('ret');
}

/** Another policy for the group, with this name to call; gives its revision. */
export async function publish(system: System, name: string): Promise<number> {
  await good(system.admin(['policy', 'set-contacts', 'Office', '--name', name]));
  return revisionOf(await json(system.admin(['policy', 'show', 'Office', '--json'])));
}

/** The revision that the device last reported as applied. */
export const acknowledged = (system: System): Promise<number> => reported(system, { name: 'desk' });
