/** One certificate of the store with everything known of it; and the facts of any certificate that is shown. */
import type { PresentedView } from '../../protocol/local.ts';
import { fill, formatDateTime, formatInstant, type Words, wordsOf } from '../../words/say.ts';
import { type Fact, facts, paragraph } from '../body.ts';
import type { Line } from '../frame.ts';
import { grouped } from '../input.ts';
import { bodySize } from '../layout.ts';
import { agentNow, certificateKey, listed, type Model, statusIn } from '../model.ts';
import type { DetailsScreen } from '../screen.ts';
import { scrollBody, scrollKey } from '../scroll.ts';
import type { Window } from '../window.ts';
import { isBlocked, isRevoked, removalOf } from './certificates.ts';

type Group = 'owner' | 'validity' | 'key' | 'fingerprint';

export function detailsWindow(model: Model, screen: DetailsScreen): Window {
  const found = listed(statusIn(model)).find((each) => certificateKey(each) === screen.key);
  const linesOf = (words: Words, width: number): readonly Line[] => {
    const own = words.screens.details;
    if (!found) return paragraph(own.gone, width, 'warning');
    const shown = presentedFacts(model, found, words);
    const said = isBlocked(model, found) ? own.blocked : isRevoked(model, found) ? own.revoked : null;
    return facts(
      [
        ...(said === null ? [] : [{ label: own.state, value: said, style: 'warning' as const }]),
        ...shown.owner,
        ...shown.validity,
        { label: own.purpose, value: words.purposes[found.purpose] },
        ...optional(own.slot, found.slot ? words.slots[found.slot] : ''),
        ...shown.key,
        { label: own.source, value: words.sources[found.source] },
        ...optional(own.file, found.file),
        ...(found.source === 'manual' ? [{ label: own.server, value: found.server ?? own.anyServer }] : []),
        { label: own.added, value: formatInstant(words, found.addedAt, model.offsetMinutes) },
        ...shown.fingerprint,
      ],
      width,
    );
  };
  return {
    body: (words, size) => {
      const { titles, keys } = words.screens;
      const remove = found?.source === 'manual' ? [{ key: 'Del', label: keys.remove }] : [];
      return scrollBody(titles.details, linesOf(words, size.width), screen.top, words, size, [], remove);
    },
    key: (key) => {
      if (found && key.name === 'delete') return removalOf(model, found);
      const words = wordsOf[model.language];
      return scrollKey(model, screen, key, linesOf(words, bodySize(model).width).length);
    },
  };
}

/** What a certificate says of itself, in the groups the windows put together. */
export function presentedFacts(
  model: Model,
  shown: PresentedView,
  words: Words,
): Readonly<Record<Group, readonly Fact[]>> {
  const own = words.screens.details;
  const now = agentNow(model);
  const date = (at: number): string => formatInstant(words, at, model.offsetMinutes);
  const when = (at: number, out: boolean, why: string): Pick<Fact, 'value' | 'style'> =>
    out ? { value: `${date(at)} ! ${why}`, style: 'warning' } : { value: date(at) };
  return {
    owner: [
      { label: own.owner, value: shown.owner, style: 'strong' },
      { label: own.subject, value: shown.subject },
      { label: own.issuer, value: shown.issuer },
      ...optional(own.names, shown.names.join(', ')),
    ],
    validity: [
      { label: own.validFrom, ...when(shown.notBefore, shown.notBefore > now, own.notYet) },
      { label: own.validTo, ...when(shown.notAfter, shown.notAfter <= now, own.expired) },
    ],
    key: [
      { label: own.kind, value: shown.isCa ? own.authority : own.endEntity },
      { label: own.key, value: shown.key },
      { label: own.serial, value: shown.serial },
    ],
    // Two lines of eight groups, so that both halves line up for comparing.
    fingerprint: [
      { label: own.fingerprint, value: grouped(shown.fingerprint.slice(0, 32)), style: 'strong' },
      { label: '', value: grouped(shown.fingerprint.slice(32)), style: 'strong' },
    ],
  };
}

/** A certificate that is not in the store, the most telling first: whoever made it may have filled the rest with anything. */
export function strangerFacts(model: Model, shown: PresentedView, words: Words): readonly Fact[] {
  const own = words.screens.details;
  const { owner, fingerprint } = presentedFacts(model, shown, words);
  const now = agentNow(model);
  const from = formatDateTime(words, shown.notBefore, model.offsetMinutes);
  const dates = fill(own.fromTo, { from, to: formatInstant(words, shown.notAfter, model.offsetMinutes) });
  const why = shown.notBefore > now ? own.notYet : shown.notAfter <= now ? own.expired : '';
  const validity: Fact =
    why === ''
      ? { label: own.valid, value: dates }
      : { label: own.valid, value: `${dates} ! ${why}`, style: 'warning' };
  const [name, , ...others] = owner;
  return [...(name ? [name] : []), ...fingerprint, validity, ...others];
}

export const optional = (label: string, value: string): readonly Fact[] => (value === '' ? [] : [{ label, value }]);
