/**
 * The person's story, for cuts: what a person accepts, imports and removes, and the policy that takes it all, killed after every effect and again after every
 * effect of the recovery, and in the middle of every disk operation (F9–F14, F32, F37). The store is never half of a step,
 * and the end is always the same.
 */
import type { Happening } from '../../agent/core/shape.ts';
import { toBase64, toPem } from '../../protocol/certificate.ts';
import type { CertificateView } from '../../protocol/local.ts';
import { assert, table } from '../harness.ts';
import { base64, logServer, print, rdpRoot } from './administration.ts';
import { cutsOf } from './cutting.ts';
import { ask, type Device, live, openWorld, type Plan, type World, worldAfterCut } from './device.ts';
import { issue } from './issue.ts';
import { openRemotes } from './remote.ts';
import { orderOf } from './story.ts';

const desktop = issue({ cn: 'desktop.example', dns: ['desktop.example'] });
const first = issue({ cn: 'first' });
const second = issue({ cn: 'second' });
const remotes = openRemotes(new Map([['desktop.example:3389', { chain: [desktop] }]]));
const connect = { do: 'connect', purpose: 'rdp', server: 'desktop.example', user: 'someone' } as const;
const files = [{ name: 'both.pem', content: toBase64(Buffer.from(toPem(first.der) + toPem(second.der))) }];

const namesOf = (all: readonly Pick<CertificateView, 'purpose' | 'source' | 'fingerprint'>[]): readonly string[] =>
  all.flatMap(({ purpose, source, fingerprint }) => (purpose === 'ksc' ? [] : [`${purpose} ${source} ${fingerprint}`]));
const held = ({ status }: Device): readonly string[] => namesOf(status?.certificates ?? []);
/** What was accepted for one server is for no consumer. */
const forConsumers = ({ status }: Device): readonly string[] =>
  namesOf((status?.certificates ?? []).filter(({ server }) => server === null));
const has = (device: Device, what: string): boolean => held(device).includes(what);
const accepted = `rdp manual ${print(desktop)}`;
const [kept, removed] = [`log manual ${print(first)}`, `log manual ${print(second)}`];
const assigned = [
  { purpose: 'rdp', file: 'root.pem', certificate: base64(rdpRoot) },
  { purpose: 'log', file: 'log.pem', certificate: base64(logServer) },
] as const;
const entry = (purpose: string, fingerprint: string): string => `${purpose} policy ${fingerprint}`;
const byPolicy = [entry('rdp', print(rdpRoot)), entry('log', print(logServer))];

/** What the person and the administrator do next, by what the screen and the server show. */
function openTale(): (world: World, device: Device) => readonly Happening[] {
  let seen = 0;
  return (world, device) => {
    const { server } = world;
    const { status, answers } = device;
    if (!status || !server.device.confirmed)
      return status?.at === 'unregistered' ? [ask({ do: 'register', order: orderOf(world) })] : [];
    if (status.link.at !== 'connected') return [];
    const { office } = server;
    if (server.state.group === office) {
      if (office.entries.length < 2 || !has(device, byPolicy[1] ?? '')) return [];
      office.entries = assigned.slice(0, 1);
      return server.publishPolicies();
    }
    if (!has(device, accepted)) {
      const news = answers.size > seen;
      seen = answers.size;
      const shown = [...answers.values()].at(-1);
      const asks = news && shown?.ok && shown.value && 'at' in shown.value && shown.value.at === 'stopped';
      const { purpose, server: place } = connect;
      return [ask(asks ? { do: 'add', purpose, server: place, fingerprint: print(desktop) } : connect)];
    }
    if (!has(device, kept)) return [ask({ do: 'import', purpose: 'log', server: null, files })];
    if (has(device, removed)) return [ask({ do: 'remove', purpose: 'log', fingerprint: print(second) })];
    if (status.session?.at !== 'running') return [ask(connect)];
    office.entries = [...assigned];
    return [...server.publishPolicies(), ...server.moveTo(office)];
  };
}

/** The steps of the story, and nothing between them. */
const wholes = [[], [accepted], [accepted, kept, removed], [accepted, kept], byPolicy, byPolicy.slice(0, 1)].map(
  (all) => all.join(),
);

const plan = (world: World, more: Partial<Plan> = {}): Plan => {
  const tale = openTale();
  return {
    whenQuiet: (device) => {
      assert.ok(wholes.includes(held(device).join()), `half of a step: ${held(device).join(', ')}`);
      assert.equal(namesOf(device.exported), forConsumers(device), 'what consumers get is what counts');
      return tale(world, device);
    },
    goal: (device) => isOver(world, device),
    instead: remotes,
    ...more,
  };
};
const isOver = ({ server }: World, device: Device): boolean =>
  server.office.entries.length === 1 && held(device).join() === wholes[5] && device.state.pending === null;

function assertEnd(world: World, device: Device): void {
  assert.is(device.status?.mayAdd, false);
  assert.equal(device.state.durable.local, []);
  assert.equal(world.server.state.conflicts, [], 'an event number was used twice');
}

export const { finish, worldsAfterCuts, cutAndFinish } = cutsOf({ plan, assertEnd });

/** Registered, in no group: where the story begins. */
export async function prepare(): Promise<World> {
  const world = openWorld();
  world.server.publishPolicies();
  const { ending } = await live(world, {
    ...plan(world),
    goal: ({ status, state }) => status?.link.at === 'connected' && status.policy !== null && state.pending === null,
  });
  assert.is(ending, 'goal');
  return world;
}

/** Story and cuts from a copy of a prepared world. */
export const begin = (prepared: World): World => worldAfterCut(prepared, 0);

/** One of `parts` shares: killed after every effect n, and each recovery after every effect m. */
export async function tableOfCuts(part: number, parts: number): Promise<void> {
  const known = new Set<string>();
  const whole = await worldsAfterCuts(begin(await prepare()), 0, known);
  assert.ok(whole.effects > 40, `${whole.effects} effects`);
  const rows = whole.left
    .filter((_, index) => index % parts === part)
    .map((each) => ({ name: `effect ${each.after}`, ...each }));
  table('killed after an effect, and again after every effect of the recovery', rows, async ({ after, world }) => {
    const again = await worldsAfterCuts(world, after * 7919, known);
    for (const { world: cutTwice } of again.left) await finish(cutTwice);
  });
}
