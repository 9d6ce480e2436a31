/**
 * The driver around a step function. An event is decided, then its effects are performed one after the other, each awaited;
 * events they give are decided before anything from outside is, depth first; events from outside wait their turn in the
 * order they came. So effects are always performed in the order they were decided.
 *
 * Knows two effects itself: `wake` (a `tick` after that long, the newest one counts) and `stop` (ends with exit code 1).
 */
import type { Effect, Event, Happening, Now, Step } from './core/shape.ts';

export type Drive<State> = {
  readonly initial: State;
  readonly step: (state: State, event: Event) => Step<State>;
  /** Performs one effect and gives the events it led to. What takes long on the network is only begun here: see `send`. */
  readonly perform: (effect: Effect) => Promise<readonly Happening[]>;
  /** Time and randomness of the moment an event is decided. */
  readonly stamp: () => Now;
  /** Sets the one timer there is, instead of the one before; null clears it. */
  readonly alarm?: Alarm;
};
export type Alarm = (inMs: number | null, ring: () => void) => void;
export type Loop = {
  /** An event from outside. Ignored when the loop has ended. */
  readonly send: (happening: Happening) => void;
  /** Ends after `stopping` has been decided and its effects performed. */
  readonly stop: () => void;
  /** Exit code: 0 after `stop`, 1 after the effect `stop`. Rejects when step or an edge throws: a programmer error. */
  readonly done: Promise<number>;
};

/** A longer delay would make Node's timer ring at once (F17). */
const longestTimerMs = 2 ** 31 - 1;

export function run<State>({ initial, step, perform, stamp, alarm = systemAlarm() }: Drive<State>): Loop {
  let state = initial;
  let exitCode: number | null = null;
  let busy = false;
  /** Given by effects; the next one to decide stands first. */
  let inner: Happening[] = [];
  const outer: Happening[] = [];
  const { promise: done, resolve, reject } = settle<number>();

  const decide = async (happening: Happening): Promise<void> => {
    const next = step(state, { ...happening, now: stamp() });
    state = next.state;
    const given: Happening[] = [];
    for (const effect of next.effects) {
      if (effect.do === 'wake') alarm(Math.min(Math.max(0, effect.inMs), longestTimerMs), () => send({ type: 'tick' }));
      else given.push(...(await perform(effect)));
      if (effect.do !== 'stop') continue;
      exitCode = 1;
      return;
    }
    inner = [...given, ...inner];
    if (happening.type === 'stopping') exitCode = 0;
  };

  const drain = async (): Promise<void> => {
    busy = true;
    for (let next = take(); next && exitCode === null; next = take()) await decide(next);
    busy = false;
    if (exitCode === null) return;
    alarm(null, () => {});
    resolve(exitCode);
  };
  const take = (): Happening | undefined => inner.shift() ?? outer.shift();
  const send = (happening: Happening): void => {
    if (exitCode !== null) return;
    outer.push(happening);
    if (!busy) drain().catch(reject);
  };
  return { send, stop: () => send({ type: 'stopping' }), done };
}

export function systemAlarm(): Alarm {
  let timer: NodeJS.Timeout | undefined;
  return (inMs, ring) => {
    clearTimeout(timer);
    timer = inMs === null ? undefined : setTimeout(ring, inMs);
  };
}

function settle<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: unknown) => void } {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((good, bad) => {
    resolve = good;
    reject = bad;
  });
  return { promise, resolve, reject };
}
