/**
 * The window that asks for a replacement of the server certificate, named as the product's guide names it; or, about the same
 * certificate, for a new one of the device, whose own has ended for good.
 */
import type { Status } from '../../protocol/local.ts';
import { fill, formatDuration, formatInstant, type Words } from '../../words/say.ts';
import { type Body, button, contactLines, paragraph } from '../body.ts';
import { push, stay, toMain } from '../decision.ts';
import { beside, blank, type Line, line, shorten, span } from '../frame.ts';
import { grouped } from '../input.ts';
import { lockedForMs, type Model, type Size } from '../model.ts';
import { halfBlocks, largeDigits, qrDots } from '../qr.ts';
import type { Window } from '../window.ts';
import { codeScreen } from './code.ts';
import { openRepair } from './repair.ts';

type Replacement = NonNullable<Status['replacement']>;

const gap = 2;
/** Groups of four hex digits of the presented certificate's SHA-256 that are shown: 64 bits. */
const fingerprintDigits = 16;
/** Body of an 80×24 screen with a message of one line. */
const smallBodyHeight = 21;

export const replacementWindow = (model: Model): Window => ({
  body: (words, size) => replacementBody(model, words, size),
  key: (key) => {
    if (key.name === 'enter') return push(model, codeScreen);
    if (key.name === 'f4') return openRepair(model);
    return key.name === 'escape' ? toMain(model) : stay(model);
  },
});

function replacementBody(model: Model, words: Words, size: Size): Body {
  const { replacement: own, titles, buttons, keys } = words.screens;
  const asked = model.status?.value.replacement;
  const ofDevice = asked?.about === 'device';
  const lead = paragraph(ofDevice ? own.leadDevice : own.lead, size.width);
  const qr = asked ? halfBlocks(qrDots(asked.confirmationCode.replace(/\D/g, ''))) : [];
  const qrWidth = qr[0]?.length ?? 0;
  const room = size.height - lead.length - (size.height > smallBodyHeight ? 5 : 4);
  const facing = asked ? factLines(model, asked, words, size.width - qrWidth - gap, room) : [];
  const lockedMs = lockedForMs(model);
  const wait = fill(own.locked, { time: formatDuration(words, lockedMs) });
  const nextLine = (): Line => {
    if (model.status?.value.repair) return line(shorten(own.repair, size.width), 'warning');
    return lockedMs > 0 ? line(wait, 'warning') : line(shorten(own.answer, size.width));
  };
  return {
    title: ofDevice ? titles.reenrolment : titles.replacement,
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
      nextLine(),
      button(buttons.next, true),
    ],
    cursor: null,
    keys: [
      { key: 'Enter', label: buttons.next },
      { key: 'F4', label: keys.repair },
      { key: 'Esc', label: keys.back },
    ],
  };
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
