/** Every window and state of the console screens, by name: how to get there from the start. */
import { fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import { textOf } from '../../ui/frame.ts';
import { type KeyName, type Message, type Model, type Size, start } from '../../ui/model.ts';
import { update } from '../../ui/update.ts';
import { view } from '../../ui/view.ts';
import type { Language } from '../../words/say.ts';
import {
  contacts,
  locked,
  manyCertificates,
  now,
  registered,
  registering,
  replacing,
  troubled,
  unregistered,
} from './statuses.ts';

export type Picture = { readonly name: string; readonly messages: readonly Message[] };

export const arrive = (status: Status, upMs = 0): Message => ({
  type: 'status-arrived',
  status,
  upMs,
  now: now + upMs,
});
export const press = (...names: readonly KeyName[]): readonly Message[] =>
  names.map((name) => ({ type: 'key', key: { name } }));
export const type = (text: string): readonly Message[] =>
  [...text].map((character) => ({ type: 'key', key: { name: 'character', character } }));

export const started = (size: Size, language: Language): Model =>
  start({ size, language, allowExit: false, offsetMinutes: 180, upMs: 0 });

export const play = (model: Model, messages: readonly Message[]): Model =>
  messages.reduce((before, message) => update(before, message).model, model);

/** A frame as text, one line each, blanks at the ends kept. */
export const textOfFrame = (model: Model): readonly string[] => view(model).lines.map(textOf);

const filled: readonly Message[] = [
  arrive(unregistered),
  ...type('ksc.example.com:9997'),
  ...press('tab'),
  ...type('3F:A9:C1:D2 08b7e654 5a90ff1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a'),
  ...press('tab'),
  ...type('8K2M-44QX'),
  ...press('tab'),
  ...type('7HQ2-MM4P-TZ'),
];
const answered = (code: Parameters<typeof fault>[0]): Message => ({ type: 'register-answered', fault: fault(code) });
const inList: readonly Message[] = [arrive(registered), ...press('enter')];
const atCode: readonly Message[] = [arrive(replacing), ...press('enter')];
const sent: readonly Message[] = [...atCode, ...type('104273510029'), ...press('enter')];
const longNames: Status = {
  ...replacing,
  device: replacing.device && { ...replacing.device, name: 'WAREHOUSE-SECOND-FLOOR-PACKING-TABLE-0042-SPARE' },
  contacts: {
    name: 'Служба поддержки организации «Пример», отдел рабочих мест',
    phone: '+7 000 000-00-00, добавочный 1234',
    email: 'very-long-name-of-the-service-desk@support.example.com',
    note: 'По будням с 8:00 до 20:00, комната 114; ночью звоните дежурному, номер висит на двери',
  },
};

export const pictures: readonly Picture[] = [
  { name: 'away', messages: [] },
  { name: 'away-again', messages: [arrive(registered), { type: 'service-lost' }] },
  { name: 'main', messages: [arrive(registered)] },
  { name: 'main-stranger', messages: [arrive({ ...unregistered }), ...press('escape')] },
  { name: 'main-registering', messages: [arrive(registering)] },
  { name: 'main-unmanaged', messages: [arrive(unmanaged())] },
  { name: 'main-connecting', messages: [arrive(connecting())] },
  { name: 'main-replacement-later', messages: [arrive(replacing), ...press('escape')] },
  { name: 'main-troubled', messages: [arrive(troubled), ...press('escape')] },
  { name: 'main-broken', messages: [arrive({ ...registered, at: 'broken', faults: [fault('disk-failed')] })] },
  { name: 'main-counted-on', messages: [arrive(replacing), ...press('escape'), tick(40_000)] },
  { name: 'notices', messages: [arrive(troubled), ...press('escape', 'up', 'enter')] },
  { name: 'certificates', messages: inList },
  { name: 'certificates-empty', messages: [arrive({ ...registered, certificates: [] }), ...press('enter')] },
  { name: 'certificates-many', messages: [arrive(many()), ...press('enter', 'page-down', 'page-down', 'down')] },
  { name: 'certificates-end', messages: [arrive(many()), ...press('enter', 'end')] },
  { name: 'details', messages: [...inList, ...press('enter')] },
  { name: 'details-root', messages: [...inList, ...press('down', 'down', 'enter')] },
  { name: 'details-expired', messages: [...inList, ...press('end', 'enter')] },
  { name: 'details-hostile-names', messages: [arrive(long()), ...press('enter', 'enter')] },
  { name: 'details-long', messages: [arrive(long()), ...press('enter', 'enter', 'page-down')] },
  {
    name: 'details-gone',
    messages: [...inList, ...press('enter'), arrive({ ...registered, certificates: [] })],
  },
  { name: 'registration', messages: [arrive(unregistered)] },
  { name: 'registration-filled', messages: filled },
  { name: 'registration-shown', messages: [...filled, ...press('f3')] },
  { name: 'registration-bad-address', messages: [arrive(unregistered), ...press('up', 'enter')] },
  {
    name: 'registration-bad-fingerprint',
    messages: [arrive(unregistered), ...type('a:1'), ...press('tab'), ...type('3fa9c1'), ...press('up', 'up', 'enter')],
  },
  { name: 'registration-running', messages: [...filled, ...press('enter')] },
  { name: 'registration-unreachable', messages: [...filled, ...press('enter'), arrive(registering)] },
  { name: 'registration-refused', messages: [...filled, ...press('enter'), answered('invitation-refused')] },
  { name: 'registration-intercepted', messages: [...filled, ...press('enter'), answered('fingerprint-mismatch')] },
  { name: 'registration-done', messages: [...filled, ...press('enter'), arrive(registered)] },
  { name: 'replacement', messages: [arrive(replacing)] },
  { name: 'replacement-no-contacts', messages: [arrive({ ...replacing, contacts: null })] },
  { name: 'replacement-long-names', messages: [arrive(longNames)] },
  { name: 'replacement-locked', messages: [arrive(locked)] },
  { name: 'code', messages: atCode },
  { name: 'code-typing', messages: [...atCode, ...type('10427')] },
  { name: 'code-short', messages: [...atCode, ...type('10427'), ...press('enter')] },
  { name: 'code-full', messages: [...atCode, ...type('104273510029'), ...press('tab')] },
  { name: 'code-checking', messages: sent },
  { name: 'code-typo', messages: [...sent, { type: 'code-answered', fault: fault('code-typo') }] },
  { name: 'code-wrong', messages: [...sent, { type: 'code-answered', fault: fault('code-wrong', { triesLeft: 4 }) }] },
  {
    name: 'code-locked',
    messages: [...sent, arrive(locked), { type: 'code-answered', fault: fault('code-locked') }, tick(61_000)],
  },
  { name: 'code-lost', messages: [...sent, { type: 'service-lost' }, arrive(replacing, 2000)] },
  { name: 'code-done', messages: [...sent, arrive(registered), { type: 'code-answered', fault: null }] },
];

function tick(upMs: number): Message {
  return { type: 'ticked', upMs, offsetMinutes: 180 };
}

function unmanaged(): Status {
  const { device } = registered;
  return { ...registered, device: device && { ...device, managed: false, group: '' }, policy: null, contacts: null };
}

function connecting(): Status {
  return { ...registered, link: { at: 'connecting', since: now, retryInMs: null, fault: null }, contacts };
}

function many(): Status {
  return { ...registered, certificates: [...manyCertificates] };
}

function long(): Status {
  const [first] = manyCertificates;
  const names = Array.from({ length: 40 }, (_, index) => `rdp-${index + 1}.branch-office.example.com`);
  return {
    ...registered,
    certificates: first ? [{ ...first, names, subject: 'CN=證書 \u202egnp.exe\u001b[2J é й' }] : [],
  };
}
