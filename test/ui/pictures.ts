/** Every window and state of the console screens, by name: how to get there from the start. */
import { fault } from '../../protocol/fault.ts';
import type { Status } from '../../protocol/local.ts';
import type { Message } from '../../ui/model.ts';
import { connecting } from './pictures-connecting.ts';
import { settingPictures } from './pictures-settings.ts';
import { repairPictures, toolPictures } from './pictures-tools.ts';
import { answer, arrive, done, type Picture, press, refused, settings, tick, tools, type } from './playing.ts';
import {
  beginning,
  contacts,
  locked,
  now,
  registered,
  registering,
  replacing,
  retired,
  troubled,
  unmanaged,
  unregistered,
} from './statuses.ts';

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
/** The second page: another authority, by EST or SCEP. */
const toIssuer: readonly Message[] = [...filled, ...press('tab')];
const est: readonly Message[] = [...toIssuer, ...press('right', 'tab', 'enter')];
const scep: readonly Message[] = [...toIssuer, ...press('left', 'enter', 'enter')];
const scepFilled: readonly Message[] = [
  ...scep,
  ...type('ca.example.com:80/certsrv/mscep'),
  ...press('enter'),
  ...type('3fa9c1d208b7e6545a90ff1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a'),
  ...press('enter'),
  ...type('challenge word'),
  ...press('enter'),
];
const atCode: readonly Message[] = [arrive(replacing), ...press('enter')];
const sent: readonly Message[] = [...atCode, ...type('104273510029'), ...press('enter')];
const readmitted: readonly Message[] = [
  arrive(retired),
  ...press('enter'),
  ...type('104273510029'),
  ...press('enter'),
  arrive({
    ...retired,
    identity: retired.identity && { ...retired.identity, at: 'renewing' },
    replacement: null,
    faults: [],
  }),
  answer(1, done),
];
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
const idle: Status['link'] = { at: 'idle', since: now, retryInMs: null, fault: null };
const noDisk: Status = { ...unregistered, at: 'broken', faults: [fault('storage-missing', { errno: 'ENOENT' })] };
const linking: Status = {
  ...registered,
  link: { at: 'connecting', since: now, retryInMs: null, fault: null },
  contacts,
};

export const pictures: readonly Picture[] = [
  { name: 'away', messages: [] },
  { name: 'away-again', messages: [arrive(registered), { type: 'service-lost' }] },
  { name: 'main', messages: [arrive(registered)] },
  { name: 'main-stranger', messages: [arrive({ ...unregistered }), ...press('escape')] },
  { name: 'main-registering', messages: [arrive(registering)] },
  { name: 'main-beginning', messages: [arrive(registering), arrive(beginning)] },
  { name: 'main-unmanaged', messages: [arrive(unmanaged)] },
  { name: 'main-connecting', messages: [arrive(linking)] },
  { name: 'main-replacement-later', messages: [arrive(replacing), ...press('escape')] },
  { name: 'main-troubled', messages: [arrive(troubled), ...press('escape')] },
  { name: 'main-no-disk', messages: [arrive(noDisk)] },
  { name: 'settings-no-disk', messages: [arrive(noDisk), ...settings(0).slice(0, -1)] },
  { name: 'connection-no-disk', messages: [arrive(noDisk), ...settings(0)] },
  { name: 'main-cloned', messages: [arrive({ ...registered, at: 'broken', link: idle, faults: [fault('cloned')] })] },
  { name: 'main-counted-on', messages: [arrive(replacing), ...press('escape'), tick(40_000)] },
  ...connecting,
  ...toolPictures,
  ...repairPictures,
  ...settingPictures,
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
  {
    name: 'registration-refused',
    messages: [...filled, ...press('enter'), answer(1, refused(fault('invitation-refused')))],
  },
  {
    name: 'registration-intercepted',
    messages: [...filled, ...press('enter'), answer(1, refused(fault('fingerprint-mismatch')))],
  },
  { name: 'registration-done', messages: [...filled, ...press('enter'), arrive(registered)] },
  { name: 'registration-issuer', messages: [...toIssuer, ...press('left')] },
  { name: 'authority-est', messages: [...est, ...press('down', 'down')] },
  { name: 'authority-scep', messages: scepFilled },
  { name: 'authority-scep-shown', messages: [...scepFilled, ...press('f3')] },
  { name: 'authority-bad-address', messages: [...scep, ...type('ca.example.com'), ...press('up', 'enter')] },
  {
    name: 'authority-no-subject',
    messages: [...scepFilled, ...Array(12).fill(press('backspace')).flat(), ...press('enter')],
  },
  {
    name: 'authority-refused',
    messages: [...scepFilled, ...press('enter'), answer(1, refused(fault('challenge-refused')))],
  },
  { name: 'authority-registering', messages: [...scepFilled, ...press('enter'), arrive(registering)] },
  { name: 'replacement', messages: [arrive(replacing)] },
  { name: 'replacement-no-contacts', messages: [arrive({ ...replacing, contacts: null })] },
  { name: 'replacement-long-names', messages: [arrive(longNames)] },
  { name: 'replacement-locked', messages: [arrive(locked)] },
  { name: 'reenrolment', messages: [arrive(retired)] },
  { name: 'main-reenrolment-later', messages: [arrive(retired), ...press('escape')] },
  { name: 'reenrolment-done', messages: readmitted },
  { name: 'code', messages: atCode },
  { name: 'code-typing', messages: [...atCode, ...type('10427')] },
  { name: 'code-short', messages: [...atCode, ...type('10427'), ...press('enter')] },
  { name: 'code-full', messages: [...atCode, ...type('104273510029'), ...press('tab')] },
  { name: 'code-checking', messages: sent },
  { name: 'code-typo', messages: [...sent, answer(1, refused(fault('code-typo')))] },
  { name: 'code-wrong', messages: [...sent, answer(1, refused(fault('code-wrong', { triesLeft: 4 })))] },
  {
    name: 'code-locked',
    messages: [...sent, arrive(locked), answer(1, refused(fault('code-locked'))), tick(61_000)],
  },
  { name: 'code-lost', messages: [...sent, { type: 'service-lost' }, arrive(replacing, 2000)] },
  { name: 'code-done', messages: [...sent, arrive(registered), answer(1, done)] },
  { name: 'tools-registration', messages: [arrive(unregistered), ...press('escape', 'down'), ...tools(4)] },
];
