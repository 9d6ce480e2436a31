/** Why there is no connection: which server, which certificate, what to do, whom to call. There is no way past it. */
import type { FaultCode } from '../../protocol/fault.ts';
import { sayFault, type Words, wordsOf } from '../../words/say.ts';
import { button, contactParts, type Fact, facts, labelColumn } from '../body.ts';
import { pop } from '../decision.ts';
import { blank, type Line, line } from '../frame.ts';
import { bodySize } from '../layout.ts';
import { type Model, statusIn } from '../model.ts';
import { noticeLines } from '../notices.ts';
import type { RefusalScreen } from '../screen.ts';
import { scrollBody, scrollKey } from '../scroll.ts';
import type { Window } from '../window.ts';
import { strangerFacts } from './details.ts';

type Advice = keyof Words['screens']['refusal']['advice'];

/** Everything else is the administrator's. */
const advices: Readonly<Partial<Record<FaultCode, Advice>>> = {
  'changed-old-expired': 'changed',
  'changed-old-valid': 'changed',
  'issuer-unknown': 'changed',
  'clock-unknown': 'clock',
  expired: 'dates',
  'not-yet-valid': 'dates',
  'server-certificate-expired': 'dates',
  'name-mismatch': 'name',
  'ip-under-root': 'ip',
  'server-unreachable': 'network',
  'server-refused': 'network',
  'timed-out': 'network',
  revoked: 'intercepted',
  blocklisted: 'intercepted',
  'session-busy': 'wait',
  'client-failed': 'again',
};

export function refusalWindow(model: Model, screen: RefusalScreen): Window {
  const linesIn = (words: Words, width: number): readonly Line[] => refusalLines(model, screen, words, width);
  return {
    body: (words, size) => {
      const { titles, buttons } = words.screens;
      const footer = [blank, button(buttons.close, true)];
      const close = [{ key: 'Enter', label: buttons.close }];
      return scrollBody(titles.refusal, linesIn(words, size.width), screen.top, words, size, footer, close);
    },
    key: (key) => {
      if (key.name === 'enter') return pop(model);
      return scrollKey(model, screen, key, linesIn(wordsOf[model.language], bodySize(model).width).length, footerLines);
    },
  };
}

/** A blank, and the button. */
const footerLines = 2;

function refusalLines(model: Model, screen: RefusalScreen, words: Words, width: number): readonly Line[] {
  const { refusal: own } = words.screens;
  const status = statusIn(model);
  const server: Fact = {
    label: own.server,
    value: `${screen.server} (${words.purposes[screen.purpose]})`,
    style: 'strong',
  };
  const doThis: Fact = { label: own.doThis, value: own.advice[adviceFor(screen, status?.mayAdd ?? false)] };
  const certificate = screen.certificate ? strangerFacts(model, screen.certificate, words) : [];
  const labelWidth = labelColumn([server, doThis, { label: own.call }, ...certificate]);
  const contacts = contactParts(status?.contacts ?? null, words).join(', ') || words.screens.replacement.noContacts;
  return [
    ...noticeLines(sayFault(words, screen.fault), width),
    blank,
    ...facts([server, doThis, { label: own.call, value: contacts }], width, labelWidth),
    ...(screen.asked ? [blank, line(certificate.length > 0 ? own.certificate : own.none, 'strong')] : []),
    ...facts(certificate, width, labelWidth),
  ];
}

function adviceFor({ fault }: RefusalScreen, mayAdd: boolean): Advice {
  const advice = advices[fault.code] ?? 'administrator';
  return advice === 'changed' && mayAdd ? 'changedOpen' : advice;
}
