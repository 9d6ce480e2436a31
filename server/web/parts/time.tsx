/** Every date of the console: in the zone of whoever looks, which it names. */
import { formatDateTime, formatInstant, formatZone } from '../../../words/say.ts';
import { useApp, type Words } from '../app.ts';

/** Minutes east of UTC at that instant, by the clock of the browser. */
export const offsetAt = (at: number): number => -new Date(at).getTimezoneOffset() || 0;

/** Date, time and zone as text, for sentences. */
export const sayTime = (words: Words, at: number): string => formatInstant(words, at, offsetAt(at));

export function Time({ at }: { readonly at: number }) {
  const { words } = useApp();
  const offset = offsetAt(at);
  return (
    <time class="time" dateTime={new Date(at).toISOString()}>
      {formatDateTime(words, at, offset)} <span class="zone">{formatZone(offset)}</span>
    </time>
  );
}

/** A time that may not be there. */
export const TimeOr = ({ at, none }: { readonly at: number | null | undefined; readonly none: string }) =>
  at ? <Time at={at} /> : <span class="quiet">{none}</span>;
