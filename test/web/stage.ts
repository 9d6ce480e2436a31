/** A server with accounts of every role and two devices, and a way in. */
import { readFileSync } from 'node:fs';
import { fromBase64 } from '../../protocol/certificate.ts';
import { deriveSecret, makeConfirmation } from '../../protocol/codes.ts';
import { dayMs } from '../../protocol/time.ts';
import { allRights, type Role } from '../../server/core/permission.ts';
import { addAccount } from '../../server/edge/accounts.ts';
import { setBlocked } from '../../server/edge/blocking.ts';
import { issueCertificates } from '../../server/edge/corporate-issue.ts';
import { leafOf, readServerCertificates } from '../../server/edge/pins.ts';
import { addGroup } from '../../server/edge/places.ts';
import { addCertificates, setContacts, setLock, setSetting } from '../../server/edge/policies.ts';
import { addUser } from '../../server/edge/users.ts';
import { bytes, type Enrolled, type FleetServer, register, report, start, value } from '../fakes/fleet-server.ts';
import { addPerson, password } from '../fakes/web-client.ts';
import { openWorld, type Visit, type World } from './browser.ts';

export type Stage = World & {
  readonly device: Enrolled;
  /** Id of a group with certificates, below another. */
  readonly group: string;
};

/** `administrator` is nobody's name. */
export const nameOf = (role: Role): string => `the-${role}`;
const roles: readonly Role[] = ['officer', 'administrator', 'auditor'];
/** People by whose names devices are registered. */
const users = [
  { name: 'karenina@corp.example', fullName: 'Anna Karenina', email: 'karenina@corp.example', group: 'Office' },
  {
    name: 'levin',
    fullName: 'Konstantin Levin',
    description: 'mows by himself',
    phone: '+7 495 000-00-00',
    maxDevices: 3,
  },
] as const;
let stage: Promise<Stage> | null = null;

/** One server and one browser for all of it; the last test closes them. */
export function open(): Promise<Stage> {
  stage ??= (async () => {
    const world = await openWorld();
    return furnish(world).catch(async (failed) => {
      await world.close();
      throw failed;
    });
  })();
  return stage;
}

async function furnish(world: World): Promise<Stage> {
  const { console } = world;
  for (const role of roles) await addPerson(console, nameOf(role), role);
  await addPerson(console, 'anna', 'officer', 'administrator');
  const boris = { name: 'boris', roles: ['officer', 'administrator'], password, language: 'ru' } as const;
  value(await addAccount(console.world.server, { actor: 'root', rights: allRights }, boris));
  for (const name of ['Office', 'Branch']) value(await addGroup(console.world.server, 'root', { name }));
  const device = await register(console.world, 'reception', 'Office');
  await register(console.world, 'warehouse', 'Office');
  for (const user of users) value(await addUser(console.world.server, 'root', user));
  const faults = [{ code: 'policy-stale', kind: 'unavailable', facts: {} }] as const;
  await certify(console.world);
  const pins = { current: 'a'.repeat(64), reserve: null, previous: null };
  const certificates = [{ fingerprint: 'b'.repeat(64), purpose: 'rdp', source: 'policy' }] as const;
  const identity = { fingerprint: device.proof.fingerprint, notAfter: start + 365 * dayMs };
  const sent = report(device.id, { faults: [...faults], pins, identity, certificates: [...certificates] });
  value(await console.world.fleet.receive(device.id, 'report', bytes(sent)));
  return { ...world, device, group: await furnishGroup(console) };
}

/** Below Office, with something of everything. */
async function furnishGroup({ world: { server } }: World['console']): Promise<string> {
  const { id } = value(await addGroup(server, 'root', { name: 'Front desk', parent: 'Office' }));
  const contacts = { name: 'Help desk', phone: '+7 495 000-00-00', email: 'help@example.com', note: 'Mon–Fri 9–18' };
  value(await setContacts(server, 'root', 'Office', contacts));
  value(await setLock(server, 'root', 'Office', { block: 'contacts', enforced: true }));
  value(await setSetting(server, 'root', 'Office', { name: 'rdp', value: 'rdp.example.com', enforced: true }));
  for (const [group, name] of [
    ['Office', 'authority'],
    ['Front desk', 'p384'],
  ] as const) {
    const content = readFileSync(`test/vectors/certificates/${name}.pem`);
    value(await addCertificates(server, 'root', group, { purpose: 'rdp', file: `${name}.pem`, content }));
  }
  value(await setBlocked(server, 'root', 'Office', { fingerprint: 'c'.repeat(64), blocked: true }));
  return id;
}

/** Beside the mobile ones: VPN of two devices, an uploaded one for mail, and one of a telephone that is only recorded. */
async function certify({ server }: FleetServer): Promise<void> {
  const order = { connection: 'with-mobile', kind: 'thin-client' } as const;
  const vpn = { ...order, type: 'vpn', alias: 'Office VPN', source: 'server' } as const;
  value(await issueCertificates(server, 'root', { ...vpn, devices: ['reception', 'warehouse'] }, null));
  const file = { content: readFileSync('test/vectors/identities/java-ec.p12'), key: null, password: 'secret' };
  const mail = { ...order, type: 'mail', alias: 'Post', source: 'uploaded' } as const;
  value(await issueCertificates(server, 'root', { ...mail, devices: ['reception'] }, file));
  const recorded = {
    type: 'mail',
    kind: 'ios',
    alias: 'Post',
    source: 'uploaded',
    users: ['levin'],
  } as const;
  value(await issueCertificates(server, 'root', recorded, file));
}

export const secretOf = ({ console }: Stage, id: string): Uint8Array =>
  deriveSecret(console.world.server.keys.codeMaster, id, 1);

export async function codeOf(world: Stage, { id }: Enrolled, action: 1 | 2 | 3, counter: number): Promise<string> {
  const [main] = (await readServerCertificates(world.console.world.server.db)).filter(({ role }) => role === 'main');
  const certificateDer = action === 1 && main ? fromBase64(leafOf(main)) : null;
  return makeConfirmation({ secret: secretOf(world, id), deviceId: id, certificateDer, action, counter });
}

export async function enter({ visit }: Stage, name: string, path = '/', locale?: string): Promise<Visit> {
  const one = await visit(locale);
  const answer = await one.context.request.post('/api/v1/session', {
    data: { name, password },
    headers: { 'sec-fetch-site': 'same-origin' },
  });
  if (!answer.ok()) throw new Error(`no way in: ${await answer.text()}`);
  await one.open(path);
  await one.page.locator('.shell h1').waitFor();
  return one;
}
