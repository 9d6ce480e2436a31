/** What this device is: for a person who is asked on the telephone. */
import { fill, formatInstant, nameless, type Words, wordsOf } from '../../words/say.ts';
import { contactLines, type Fact, facts } from '../body.ts';
import type { Line } from '../frame.ts';
import { bodySize } from '../layout.ts';
import { type Model, statusIn } from '../model.ts';
import type { ProductScreen } from '../screen.ts';
import { scrollBody, scrollKey } from '../scroll.ts';
import type { Window } from '../window.ts';

const contactLimit = 6;

export function productWindow(model: Model, screen: ProductScreen): Window {
  const linesIn = (words: Words, width: number): readonly Line[] => productLines(model, words, width);
  return {
    body: (words, size) =>
      scrollBody(words.screens.titles.product, linesIn(words, size.width), screen.top, words, size),
    key: (key) => scrollKey(model, screen, key, linesIn(wordsOf[model.language], bodySize(model).width).length),
  };
}

function productLines(model: Model, words: Words, width: number): readonly Line[] {
  const { product: own, main } = words.screens;
  const status = statusIn(model);
  if (!status) return [];
  const { device, identity, server, policy, clock } = status;
  const date = (at: number): string => formatInstant(words, at, model.offsetMinutes);
  const known: readonly Fact[] = device
    ? [
        { label: own.device, value: device.name, style: 'strong' },
        { label: own.id, value: device.id },
        { label: own.group, value: device.managed ? device.group || main.noPolicy : main.noGroup },
      ]
    : [{ label: own.device, value: nameless(words, status.at) }];
  const servers: readonly Fact[] = server
    ? [
        { label: own.server, value: server.https },
        { label: own.mqtt, value: server.mqtt },
      ]
    : [];
  const rows: readonly Fact[] = [
    { label: own.product, value: own.name, style: 'strong' },
    { label: own.version, value: status.version },
    ...known,
    { label: own.managed, value: device?.managed ? own.managedYes : own.managedNo },
    ...servers,
    { label: own.policy, value: policy ? `${policy.rev}, ${date(policy.iat)}` : main.noPolicy },
    { label: own.certificates, value: String(status.certificates.length) },
    ...(identity
      ? [{ label: own.identity, value: fill(own.identityAt[identity.at], { date: date(identity.notAfter) }) }]
      : []),
    { label: own.floor, value: date(clock.floor) },
  ];
  const labelWidth = Math.max(...[...rows, { label: main.administrator }].map(({ label }) => label.length)) + 2;
  const contacts = contactLines(status.contacts, words, width - labelWidth, contactLimit).map(
    (value, index): Fact => ({ label: index === 0 ? main.administrator : '', value }),
  );
  return facts([...rows, ...contacts, { label: own.licence, value: own.licenceText }], width, labelWidth);
}
