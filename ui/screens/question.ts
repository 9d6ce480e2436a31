/** `Add certificate`: the certificate a server shows that nobody has accepted yet. Nothing is connected without a yes. */
import { sayFault, type Words, wordsOf } from '../../words/say.ts';
import { type Body, type Fact, facts, paragraph } from '../body.ts';
import { choiceKey, choiceKeys, choiceLines } from '../choice.ts';
import { ask, complain, type Decision, note, pop, stay } from '../decision.ts';
import { blank, type Line, line } from '../frame.ts';
import { bodySize } from '../layout.ts';
import type { Answer, Key, Model, Size } from '../model.ts';
import { noticeLines } from '../notices.ts';
import type { QuestionScreen } from '../screen.ts';
import { scrollBody, scrollKey } from '../scroll.ts';
import type { Window } from '../window.ts';
import { strangerFacts } from './details.ts';

export const questionWindow = (model: Model, screen: QuestionScreen): Window => ({
  body: (words, size) => questionBody(model, screen, words, size),
  key: (key) => questionKey(model, screen, key),
  answer: (answer) => answered(model, screen, answer),
});

function questionKey(model: Model, screen: QuestionScreen, key: Key): Decision {
  const lines = (): number => questionLines(model, screen, wordsOf[model.language], bodySize(model).width).length;
  const add = (): Decision => {
    const { server, chain } = screen.preflight;
    const [leaf] = chain;
    if (!leaf) return pop(model);
    return ask(model, screen, { do: 'add', body: { purpose: screen.purpose, server, fingerprint: leaf.fingerprint } });
  };
  return choiceKey(model, screen, 'add', key, add, (other) => scrollKey(model, screen, other, lines(), footerLines));
}

/** Added: the connection that brought the question goes on. */
function answered(model: Model, screen: QuestionScreen, answer: Answer): Decision {
  if (answer.of === 'fault') return stay(complain(pop(model).model, answer.fault));
  const { order } = screen;
  return order === null
    ? stay(note(pop(model).model, 'added'))
    : ask(model, { at: 'waiting', order, pending: null }, { do: 'connect', body: order });
}

/** A blank, and the buttons. */
const footerLines = 2;

function questionBody(model: Model, screen: QuestionScreen, words: Words, size: Size): Body {
  const { titles, buttons, question } = words.screens;
  const footer = choiceLines(screen, 'add', buttons.addCertificate, question.adding, words, size.width);
  const all = questionLines(model, screen, words, size.width);
  return scrollBody(titles.question, all, screen.top, words, size, [blank, ...footer], choiceKeys(words));
}

function questionLines(model: Model, screen: QuestionScreen, words: Words, width: number): readonly Line[] {
  const { question: own } = words.screens;
  const { preflight, purpose } = screen;
  const server: Fact = {
    label: own.server,
    value: `${preflight.server} (${words.purposes[purpose]})`,
    style: 'strong',
  };
  const [leaf] = preflight.chain;
  const rows = [server, ...(leaf ? strangerFacts(model, leaf, words) : [])];
  const warnings = preflight.warnings.flatMap((each) => noticeLines(sayFault(words, each), width));
  return [
    ...paragraph(own.lead, width),
    ...(warnings.length > 0 ? [blank, line(own.warnings, 'strong'), ...warnings] : []),
    blank,
    ...facts(rows, width),
  ];
}
