/** The order of effects and events: a toy core that follows a script. */
import type { Effect, Event, Happening, Now } from '../../agent/core/shape.ts';
import { type Alarm, type Loop, run } from '../../agent/loop.ts';
import { fault } from '../../protocol/fault.ts';
import { instant } from '../../protocol/time.ts';
import { assert, rejects, table, test } from '../harness.ts';

const log = (text: string): Effect => ({ do: 'log', level: 'info', text, fault: null });
const published = (token: number): Happening => ({ type: 'published', connection: 1, token });
const tick: Happening = { type: 'tick' };
const stopping: Happening = { type: 'stopping' };
const nameOf = (happening: Happening): string =>
  happening.type === 'published' ? `#${happening.token}` : happening.type;

type Script = {
  /** Effects of each event, by its name. */
  readonly effects: { readonly [event: string]: readonly Effect[] };
  /** Events that performing a log effect gives, by its text. */
  readonly events?: { readonly [text: string]: readonly Happening[] };
  readonly throwAt?: string;
  readonly alarm?: Alarm;
};

/** Everything in the order it happened: `>` decided, `.` performed. */
function play({ effects, events = {}, throwAt, alarm = () => {} }: Script) {
  const trace: string[] = [];
  let stamps = 0;
  let performing = 0;
  const stamp = (): Now => ({ wall: instant(0), uptimeMs: ++stamps, synced: false, random: 0, nonce: '' });
  const loop: Loop = run<readonly Event[]>({
    initial: [],
    step: (state, event) => {
      trace.push(`>${nameOf(event)}`);
      return { state: [...state, event], effects: effects[nameOf(event)] ?? [] };
    },
    perform: async (effect) => {
      assert.is(++performing, 1, 'two effects at a time');
      await new Promise((resolve) => setImmediate(resolve));
      performing--;
      const name = effect.do === 'log' ? effect.text : effect.do;
      if (name === throwAt) throw new Error('an edge is wrong');
      trace.push(`.${name}`);
      return events[name] ?? [];
    },
    stamp,
    alarm,
  });
  return { loop, trace };
}

const rows = [
  {
    name: 'effects of one event, one after the other',
    script: { effects: { tick: [log('a'), log('b'), log('c')] } },
    sent: [tick],
    expected: '>tick .a .b .c >stopping',
  },
  {
    name: 'all effects of an event come before the events they give',
    script: { effects: { tick: [log('a'), log('b')], '#1': [log('c')] }, events: { a: [published(1)] } },
    sent: [tick],
    expected: '>tick .a .b >#1 .c >stopping',
  },
  {
    name: 'events of effects come before those from outside',
    script: { effects: { tick: [log('a')], '#1': [log('b')] }, events: { a: [published(1)], b: [published(2)] } },
    sent: [tick, published(9)],
    expected: '>tick .a >#1 .b >#2 >#9 >stopping',
  },
  {
    name: 'depth first',
    script: {
      effects: { tick: [log('a'), log('b')], '#1': [log('c')] },
      events: { a: [published(1)], b: [published(2)], c: [published(3)] },
    },
    sent: [tick],
    expected: '>tick .a .b >#1 .c >#3 >#2 >stopping',
  },
  {
    name: 'from outside, in the order they came',
    script: { effects: {} },
    sent: [published(1), published(2), published(3)],
    expected: '>#1 >#2 >#3 >stopping',
  },
];
table('run', rows, async ({ script, sent, expected }) => {
  const { loop, trace } = play(script);
  for (const happening of sent) loop.send(happening);
  loop.stop();
  assert.is(await loop.done, 0);
  assert.is(trace.join(' '), expected);
});

test('run: the effect stop ends with code 1, and nothing is performed or decided behind it', async () => {
  const stop: Effect = { do: 'stop', fault: fault('disk-failed') };
  const { loop, trace } = play({ effects: { tick: [log('a'), stop, log('b')] }, events: { a: [published(1)] } });
  loop.send(tick);
  loop.send(published(2));
  assert.is(await loop.done, 1);
  loop.send(tick);
  await new Promise((resolve) => setImmediate(resolve));
  assert.is(trace.join(' '), '>tick .a .stop');
});

test('run: what stopping leads to is performed before the end', async () => {
  const { loop, trace } = play({ effects: { stopping: [log('bye')] } });
  loop.send(stopping);
  assert.is(await loop.done, 0);
  assert.is(trace.join(' '), '>stopping .bye');
});

test('run: every event is stamped when it is decided, not when it came', async () => {
  const stamps: number[] = [];
  let uptimeMs = 0;
  const loop = run<null>({
    initial: null,
    step: (state, { now }) => {
      stamps.push(now.uptimeMs);
      return { state, effects: [log('a')] };
    },
    perform: async () => {
      uptimeMs += 100;
      return [];
    },
    stamp: () => ({ wall: instant(0), uptimeMs, synced: false, random: 0, nonce: '' }),
  });
  loop.send(tick);
  loop.send(tick);
  loop.stop();
  await loop.done;
  assert.equal(stamps, [0, 100, 200]);
});

test('run: the newest wake counts, within what a timer can hold (F17), and none is left at the end', async () => {
  const alarms: (number | null)[] = [];
  let ring = (): void => {};
  const alarm: Alarm = (inMs, next) => {
    alarms.push(inMs);
    ring = next;
  };
  const wake = (inMs: number): Effect => ({ do: 'wake', inMs });
  const { loop, trace } = play({ effects: { tick: [wake(5), wake(2 ** 40)], '#1': [wake(-3)] }, alarm });
  loop.send(tick);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(alarms, [5, 2 ** 31 - 1]);
  loop.send(published(1));
  await new Promise((resolve) => setImmediate(resolve));
  ring();
  loop.stop();
  await loop.done;
  assert.equal(alarms, [5, 2 ** 31 - 1, 0, 5, 2 ** 31 - 1, null]);
  assert.is(trace.join(' '), '>tick >#1 >tick >stopping');
});

test('run: the real timer ticks', async () => {
  let ticks = 0;
  const loop: Loop = run<null>({
    initial: null,
    step: (state, event) => {
      if (event.type === 'tick' && ++ticks === 3) loop.stop();
      return { state, effects: [{ do: 'wake', inMs: 1 }] };
    },
    perform: async () => [],
    stamp: () => ({ wall: instant(0), uptimeMs: 0, synced: false, random: 0, nonce: '' }),
  });
  loop.send(tick);
  assert.is(await loop.done, 0);
  assert.ok(ticks >= 3);
});

test('run: a throwing edge is a programmer error and ends it', async () => {
  const { loop, trace } = play({ effects: { tick: [log('a'), log('b')] }, throwAt: 'a' });
  loop.send(tick);
  await rejects(() => loop.done, /an edge is wrong/);
  loop.send(tick);
  assert.is(trace.join(' '), '>tick');
});

test('run: killed after effect n, for every n: exactly n effects were performed', async () => {
  const effects = { tick: [log('a'), log('b')], '#1': [log('c'), log('d')] };
  const events = { b: [published(1)] };
  for (let n = 0; n < 4; n++) {
    const performed: string[] = [];
    const loop = run<null>({
      initial: null,
      step: (state, event) => ({ state, effects: effects[nameOf(event) as keyof typeof effects] ?? [] }),
      perform: async (effect) => {
        if (performed.length === n) throw new Error('killed');
        const name = effect.do === 'log' ? effect.text : '';
        performed.push(name);
        return events[name as keyof typeof events] ?? [];
      },
      stamp: () => ({ wall: instant(0), uptimeMs: 0, synced: false, random: 0, nonce: '' }),
    });
    loop.send(tick);
    await rejects(() => loop.done, /killed/);
    assert.is(performed.join(''), 'abcd'.slice(0, n));
  }
});
