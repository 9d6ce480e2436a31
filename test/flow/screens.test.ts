/**
 * The windows of tools and settings that no other story opens, against the running agent (T18): pre-flight check, product
 * information and notifications; the server's other address, date and time, and the language. Keys are typed, screens
 * are read.
 */
import { readFileSync } from 'node:fs';
import { authorityOf, now, type ServerMaterial, serverMaterial, serveTls } from '../fakes/tls-server.ts';
import { assert, needs, test } from '../harness.ts';
import { back, good, held, open } from './acts.ts';
import { onStage, type Stage } from './stage.ts';
import { type Screen, statusOf, until, whenStatus } from './system.ts';

needs(['tmux']);

const minuteMs = 60_000;

/** Wrapped lines and columns do not matter. */
const joined = (text: string): string => text.replace(/\s+/g, ' ');
const packed = (text: string): string => text.replace(/\s/g, '').toUpperCase();

/** In a field whose cursor stands at the end of its text. */
async function retype(screen: Screen, before: string, after: string): Promise<void> {
  await screen.type(...Array.from(before, () => 'BSpace'), after);
}

/** From the main window: the check of a broker, or of the device's own server. The result is on the screen. */
async function check(screen: Screen, purpose: 'Connection broker' | 'Administration Server', server: string) {
  await open(screen, 'Tools', 'Pre-flight check');
  await screen.see(/Nothing is connected and\s+nothing is stored[\s\S]*> Purpose +< RDP server >/);
  await screen.type(purpose === 'Connection broker' ? 'Right' : 'Left');
  await screen.see(new RegExp(`> Purpose +< ${purpose} >`));
  await screen.type('Enter');
  await screen.see(/> Server/);
  if (server !== '') await screen.type(server);
  await screen.type('Enter');
  return screen.see(/^ Pre-flight check: result /m);
}

async function preflight({ system, device, screen }: Stage, material: ServerMaterial): Promise<void> {
  const { cert, key, fingerprint } = material;
  const broker = await serveTls({ cert, key });
  const place = `localhost:${broker.port}`;
  const before = held(await statusOf(device));
  try {
    const asked = await check(screen, 'Connection broker', place);
    assert.match(asked, /The device would ask whether to add the certificate of this server\./);
    assert.match(asked, new RegExp(`Server +${place} \\(Connection broker\\)`));
    assert.match(asked, /Encryption +TLSv1\.3/);
    assert.match(asked, /Certificate 1 of 2/);
    assert.ok(packed(asked).includes(fingerprint.slice(0, 32).toUpperCase()), asked);
    await screen.type('End');
    assert.match(await screen.see(/Certificate 2 of 2/), /Brokers/);
    assert.equal(held(await statusOf(device)), before, 'nothing is stored');
    assert.is(broker.received(), 0, 'nothing is said to the server');
    await back(screen);

    const added = ['--purpose', 'broker', '--server', place, '--fingerprint', fingerprint];
    await good(system.thintrust(device, ['certificates', 'add', ...added]));
    const trusted = joined(await check(screen, 'Connection broker', place));
    assert.match(trusted, /The device would connect: it trusts the server by “localhost”, source: Added by hand\./);
    await back(screen);

    const own = joined(await check(screen, 'Administration Server', ''));
    assert.match(own, /The device would connect: it trusts the server/);
    assert.match(own, /Server \S+:\d+ \(Administration Server\)/);
    await back(screen);
  } finally {
    await broker.close();
  }
}

async function notifications({ screen }: Stage): Promise<void> {
  await open(screen, 'Tools', 'Notifications');
  assert.match(
    joined(await screen.see(/^ Notifications /m)),
    /Connection broker: the certificate “localhost” expires in 4 d\./,
  );
  await back(screen);
}

async function product({ device, screen }: Stage): Promise<void> {
  const { version } = JSON.parse(readFileSync('package.json', 'utf8'));
  const { device: own, server } = await statusOf(device);
  await open(screen, 'Tools', 'Product information');
  const shown = await screen.see(/^ Product information /m);
  for (const [label, value] of [
    ['Version', version],
    ['Device number', own?.id],
    ['Management', 'not managed'],
    ['Server', server?.https],
  ])
    assert.ok(new RegExp(`${label} +${value}( |$)`, 'm').test(shown), `${label} ${value} is not in\n${shown}`);
  await back(screen);
}

async function connection({ device, screen }: Stage): Promise<void> {
  const { server } = await statusOf(device);
  const [https, mqtt] = [server?.https ?? '', server?.mqtt ?? ''];
  const elsewhere = (address: string): string => address.replace('127.0.0.1', 'localhost');
  assert.not.match(https, 'localhost');
  await open(screen, 'Settings', `Server connection +${https}`);
  await screen.see(/> Address +127/);
  await retype(screen, https, 'localhost');
  await screen.type('Enter');
  await screen.see(/> Address for messages/);
  await screen.type('Enter');
  await screen.see(/Type the server address as name:port/);
  await retype(screen, 'localhost', elsewhere(https));
  await screen.type('Enter');
  await screen.see(/> Address for messages/);
  await retype(screen, mqtt, elsewhere(mqtt));
  await screen.type('Enter');
  await screen.see(new RegExp(`Server connection +${elsewhere(https)}[\\s\\S]*Saved\\.`));
  await whenStatus(
    device,
    'connected by the other address',
    (status) => status.link.at === 'connected' && status.server?.mqtt === elsewhere(mqtt),
  );
  await back(screen);
  await screen.see(new RegExp(`Server +${elsewhere(https)}[\\s\\S]*connected`));
}

/** The date and the time at this computer's offset, as a person types them: digits only. */
function digitsOf(at: number): readonly [string, string] {
  const local = new Date(at - new Date(at).getTimezoneOffset() * minuteMs).toISOString();
  return [local.slice(0, 10).replaceAll('-', ''), local.slice(11, 16).replace(':', '')];
}

async function time({ system, device, screen }: Stage): Promise<void> {
  await open(screen, 'Settings', 'Date and time');
  await screen.see(/in the time zone UTC[\s\S]*Now +\d+ \w+ 20\d\d, \d\d:\d\d UTC[\s\S]*> Date/);
  await screen.type('20200101', 'Enter');
  await screen.see(/> Time/);
  await screen.type('1200', 'Enter');
  const refused = joined(await screen.see(/cannot be right/));
  assert.match(
    refused,
    /The time 20\d\d-\d\d-\d\d \d\d:\d\d UTC cannot be right: this device has proof that it is later/,
  );
  const before = await statusOf(device);
  assert.is(before.clock.at, 'known');

  const wanted = Math.floor(Date.now() / minuteMs + 5) * minuteMs;
  const [date, clock] = digitsOf(wanted);
  await screen.type('BTab');
  await screen.see(/> Date/);
  await screen.type('Home', date, 'Enter');
  await screen.see(/> Time/);
  await screen.type('Home', clock, 'Enter');
  await screen.see(/^ Settings [\s\S]*The date and time are set\./m);
  // The server's own time takes over at once; that a person set another is on record there.
  const taken = `${new Date(wanted).toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  await until(
    'the server has it on record',
    () => good(system.admin(['audit', '--json', '--limit', '50'])),
    (rows) => rows.includes('time-set') && rows.includes(taken),
  );
  await back(screen);
}

async function language({ system, device, screen }: Stage): Promise<void> {
  await open(screen, 'Settings', 'Language +English');
  await screen.see(/> English/);
  await screen.type('Down');
  await screen.see(/> Русский/);
  await screen.type('Enter');
  await screen.see(/^ Настройки [\s\S]*> Язык +Русский[\s\S]*Сохранено\./m);
  await system.powerOff(device, 'SIGTERM');
  await system.powerOn(device);
  assert.is((await statusOf(device)).settings.language, 'ru');
}

async function russian(screen: Screen): Promise<void> {
  await screen.see(/^ Тонкий клиент [\s\S]*Подключение[\s\S]*вне групп/m);
  await screen.type('F2');
  await screen.see(/^ Thin client [\s\S]*Connect to/m);
}

test('a tour of the windows: look at servers, read what the device is, set its address, clock and language', () =>
  onStage(
    async (stage) => {
      const { system, device, screen } = stage;
      const material = await serverMaterial(authorityOf('Brokers'), ['localhost'], now(), 5);
      await open(screen, 'Tools', 'Notifications');
      await screen.see(/Nothing needs attention\./);
      await back(screen);
      await preflight(stage, material);
      await notifications(stage);
      await product(stage);
      await connection(stage);
      await time(stage);
      await language(stage);
      const anew = system.openConsole({ ...device, name: 'anew' });
      try {
        await russian(anew);
      } finally {
        await anew.close();
      }
    },
    { THINTRUST_SET_CLOCK: '' },
  ));
