/** The two windows of a server certificate replacement, named and ordered as the product's guide names them. Pure. */
import type { Status } from '../protocol/local.ts';
import { fill, formatDuration, formatInstant, type Words } from '../words/say.ts';
import { type Body, button, contactLines, type Fact, facts, paragraph } from './body.ts';
import { beside, blank, type Line, line, shorten, span } from './frame.ts';
import { grouped, groupedCursor } from './input.ts';
import { type CodeScreen, codeLength, lockedForMs, type Model, type Size } from './model.ts';
import { halfBlocks, largeDigits, qrDots } from './qr.ts';

type Replacement = NonNullable<Status['replacement']>;

const gap = 2;
/** Groups of four hex digits of the presented certificate's SHA-256 that are shown: 64 bits. */
const fingerprintDigits = 16;

export function replacementBody(model: Model, words: Words, size: Size): Body {
  const { replacement: own, titles, buttons, keys } = words.screens;
  const asked = model.status?.value.replacement;
  const lead = paragraph(own.lead, size.width);
  const qr = asked ? halfBlocks(qrDots(asked.confirmationCode.replace(/\D/g, ''))) : [];
  const qrWidth = qr[0]?.length ?? 0;
  const room = size.height - lead.length - (size.height > smallBodyHeight ? 5 : 4);
  const facing = asked ? factLines(model, asked, words, size.width - qrWidth - gap, room) : [];
  const lockedMs = lockedForMs(model);
  const wait = fill(own.locked, { time: formatDuration(words, lockedMs) });
  return {
    title: titles.replacement,
    lines: [
      blank,
      ...lead,
      blank,
      ...beside(
        qr.map((row) => line(row, 'qr')),
        qrWidth,
        gap,
        facing,
      ),
      ...(size.height > smallBodyHeight ? [blank] : []),
      lockedMs > 0 ? line(wait, 'warning') : line(shorten(own.answer, size.width)),
      button(buttons.next, true),
    ],
    cursor: null,
    keys: [
      { key: 'Enter', label: buttons.next },
      { key: 'Esc', label: keys.back },
    ],
  };
}

export function codeBody(model: Model, screen: CodeScreen, words: Words, size: Size): Body {
  const { code: own, replacement, main, titles, keys, buttons } = words.screens;
  const status = model.status?.value ?? null;
  const asked = status?.replacement ?? null;
  const lead = paragraph(own.lead, size.width);
  const label = `> ${own.field}  `;
  const digits = grouped(screen.digits.text.padEnd(codeLength, '_'));
  const full = screen.digits.cursor === codeLength;
  const x = label.length + (full ? digits.length : groupedCursor(screen.digits.cursor));
  const known: Fact[] = [
    { label: replacement.code, value: asked?.confirmationCode ?? '' },
    { label: replacement.device, value: status?.device?.name ?? '' },
  ];
  const contacts = contactLines(status?.contacts ?? null, words, size.width - 24, size.height - 13);
  const rows: Fact[] = [
    ...known,
    ...contacts.map((value, index) => ({ label: index === 0 ? main.administrator : '', value })),
  ];
  const focused = screen.focus === 'digits';
  const lines = [
    blank,
    ...lead,
    blank,
    [span(focused ? label : label.replace('>', ' '), focused ? 'strong' : 'normal'), span(digits, 'field')],
    blank,
    button(buttons.confirm, !focused),
    blank,
    ...stateLines(model, screen, asked, words, size.width),
    blank,
    ...facts(rows, size.width),
  ];
  return {
    title: titles.code,
    lines,
    cursor: focused && !screen.pending ? { x, y: lead.length + 2 } : null,
    keys: [
      { key: '0–9', label: keys.digits },
      { key: 'Enter', label: buttons.confirm },
      { key: 'Esc', label: keys.back },
    ],
  };
}

/** Body of an 80×24 screen with a message of one line. */
const smallBodyHeight = 21;

function stateLines(
  model: Model,
  screen: CodeScreen,
  asked: Replacement | null,
  words: Words,
  width: number,
): readonly Line[] {
  const own = words.screens.code;
  if (screen.pending) return paragraph(own.checking, width, 'strong');
  const lockedMs = lockedForMs(model);
  if (lockedMs > 0) return paragraph(fill(own.locked, { time: formatDuration(words, lockedMs) }), width, 'warning');
  // The answer to a wrong code says how many are left, and may be ahead of the status.
  const said = model.note?.type === 'fault' && model.note.fault.code === 'code-wrong';
  return asked && !said ? [line(fill(own.triesLeft, { count: asked.triesLeft }))] : [];
}

/** Beside the QR code: the code, the device, whom to call, and which certificate this is about. */
function factLines(model: Model, asked: Replacement, words: Words, width: number, room: number): readonly Line[] {
  const { replacement: own } = words.screens;
  const status = model.status?.value;
  const code = asked.confirmationCode;
  const large = largeDigits(code.replace(/ /g, '  '));
  const fits = (large[0]?.length ?? 0) <= width && room >= 22;
  const { presented } = asked;
  const certificate = [
    line(own.certificate, 'strong'),
    line(shorten(presented.owner, width)),
    line(fill(own.validTo, { date: formatInstant(words, presented.notAfter, model.offsetMinutes) })),
    line(`${own.fingerprint} ${grouped(presented.fingerprint.slice(0, fingerprintDigits))}`),
  ];
  const head = [
    line(own.code, 'strong'),
    ...(fits ? large.map((row) => line(row, 'strong')) : []),
    line(code, 'strong'),
    blank,
    [span(`${own.device}: `, 'strong'), span(shorten(status?.device?.name ?? '', width - own.device.length - 2))],
    blank,
    line(own.contacts, 'strong'),
  ];
  const left = room - head.length - certificate.length - 1;
  const contacts = contactLines(status?.contacts ?? null, words, width, Math.max(1, left));
  return [...head, ...contacts.map((text) => line(text)), blank, ...certificate];
}
