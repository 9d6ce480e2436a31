/** The pre-flight check: what a connection would come to. The form, and its result. */

import type { Preflight } from '../../protocol/local.ts';
import type { Purpose } from '../../protocol/schema.ts';
import { fill, formatInstant, sayFault, type Words, wordsOf } from '../../words/say.ts';
import { type Body, button, type Fact, facts, paragraph } from '../body.ts';
import { ask, become, complain, type Decision, pop, push, refuse, stay, turn } from '../decision.ts';
import { type Form, fieldRows, formKey, sideStepOf } from '../form.ts';
import { blank, type Line, line, type Style } from '../frame.ts';
import { bodySize } from '../layout.ts';
import type { Key, Model, Size } from '../model.ts';
import { noticeLines } from '../notices.ts';
import type { PreflightScreen, ReportScreen } from '../screen.ts';
import { scrollBody, scrollKey } from '../scroll.ts';
import type { Window } from '../window.ts';
import { chooser } from './chooser.ts';
import { optional, presentedFacts } from './details.ts';
import { serverRule } from './place.ts';

const purposes: readonly Purpose[] = ['rdp', 'broker', 'log', 'ksc'];
const form: Form<PreflightScreen['focus']> = { parts: ['purpose', 'server', 'check'], rules: { server: serverRule } };

export const preflightWindow = (model: Model, screen: PreflightScreen): Window => ({
  body: (words, size) => preflightBody(screen, words, size),
  key: (key) => preflightKey(model, screen, key),
  answer: (answer) => {
    if (answer.of === 'preflight') return push(model, { at: 'report', preflight: answer.value, top: 0 });
    return stay(answer.of === 'fault' ? complain(model, answer.fault) : model);
  },
});

function preflightKey(model: Model, screen: PreflightScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  if (screen.pending !== null) return stay(model);
  const { focus } = screen;
  if (focus === 'purpose' && sideStepOf(key) !== 0)
    return become(model, { ...screen, purpose: turn(purposes, screen.purpose, sideStepOf(key)) });
  const event = formKey(form, focus, screen.server, key);
  if (event.at === 'moved') return become(model, { ...screen, focus: event.focus });
  if (event.at === 'typed') return become(model, { ...screen, server: event.input });
  if (event.at === 'same') return stay(model);
  if (event.button === 'purpose') return become(model, { ...screen, focus: 'server' });
  const server = screen.server.text;
  if (server === '' && screen.purpose !== 'ksc') return refuse(model, { ...screen, focus: 'server' }, 'badServer');
  return ask(model, screen, { do: 'preflight', body: { purpose: screen.purpose, server } });
}

function preflightBody(screen: PreflightScreen, words: Words, size: Size): Body {
  const { preflight: own, titles, keys, buttons } = words.screens;
  const { focus } = screen;
  const lead = paragraph(own.lead, size.width);
  const hint = screen.purpose === 'ksc' ? own.own : own.serverHint;
  const row = { label: own.server, input: screen.server, focused: focus === 'server', hint };
  const pad = Math.max(own.server.length, own.purpose.length);
  const drawn = fieldRows([{ ...row, label: own.server.padEnd(pad) }], size.width);
  const choice = chooser(own.purpose.padEnd(pad), words.purposes[screen.purpose], focus === 'purpose');
  const { cursor } = drawn;
  return {
    title: titles.preflight,
    lines: [
      blank,
      ...lead,
      blank,
      choice,
      ...drawn.lines,
      blank,
      screen.pending === null ? button(buttons.check, focus === 'check') : line(own.checking, 'strong'),
    ],
    cursor: cursor && screen.pending === null ? { x: cursor.x, y: cursor.y + lead.length + 3 } : null,
    keys: [
      { key: 'Tab', label: keys.next },
      ...(focus === 'purpose' ? [{ key: '←→', label: keys.choose }] : []),
      { key: 'Enter', label: focus === 'purpose' ? buttons.next : buttons.check },
      { key: 'Esc', label: keys.back },
    ],
  };
}

export function reportWindow(model: Model, { preflight, ...screen }: ReportScreen): Window {
  const linesIn = (words: Words, width: number): readonly Line[] => reportLines(model, preflight, words, width);
  return {
    body: (words, size) => {
      const { titles } = words.screens;
      return scrollBody(titles.report, linesIn(words, size.width), screen.top, words, size);
    },
    key: (key) => {
      const lines = linesIn(wordsOf[model.language], bodySize(model).width);
      return scrollKey(model, { preflight, ...screen }, key, lines.length);
    },
  };
}

function reportLines(model: Model, preflight: Preflight, words: Words, width: number): readonly Line[] {
  const { preflight: own } = words.screens;
  const { server, purpose, fault, warnings, chain, tls, at } = preflight;
  const head: readonly Fact[] = [
    { label: own.server, value: `${server} (${words.purposes[purpose]})`, style: 'strong' },
    { label: own.at, value: formatInstant(words, at, model.offsetMinutes) },
    ...optional(own.tls, tls ?? ''),
  ];
  return [
    ...paragraph(verdictText(preflight, words), width, verdictStyle[preflight.verdict]),
    ...(fault ? noticeLines(sayFault(words, fault), width) : []),
    ...warnings.flatMap((each) => noticeLines(sayFault(words, each), width)),
    blank,
    ...facts(head, width),
    ...chain.flatMap((shown, index) => {
      const { owner, validity, key, fingerprint } = presentedFacts(model, shown, words);
      const title = fill(own.chain, { number: index + 1, count: chain.length });
      return [blank, line(title, 'strong'), ...facts([...owner, ...validity, ...key, ...fingerprint], width)];
    }),
  ];
}

const verdictStyle: Readonly<Record<Preflight['verdict'], Style>> = {
  trusted: 'good',
  unknown: 'warning',
  refused: 'error',
  failed: 'error',
};

function verdictText({ verdict, by }: Preflight, words: Words): string {
  const own = words.screens.preflight;
  if (verdict !== 'trusted') return own[verdict];
  return by ? fill(own.trusted, { owner: by.owner, source: words.sources[by.source] }) : own.trustedPlain;
}
