/** Keys in the windows that scroll: the certificates list, the details of one certificate, the notices. Pure. */
import { wordsOf } from '../words/say.ts';
import { become, type Decision, pop, push, stay } from './decision.ts';
import { bodySize, keepVisible, listRows, scrollRows } from './layout.ts';
import {
  certificateKey,
  type DetailsScreen,
  type Key,
  type ListScreen,
  listed,
  type Model,
  type NoticesScreen,
  selectedRow,
} from './model.ts';
import { detailLines } from './view-certificates.ts';
import { noticeRows } from './view-main.ts';

export function listKey(model: Model, screen: ListScreen, key: Key): Decision {
  if (key.name === 'escape') return pop(model);
  const certificates = listed(model.status?.value ?? null);
  const row = selectedRow(model, screen);
  const current = certificates[row];
  if (!current) return stay(model);
  if (key.name === 'enter') return push(model, { at: 'details', key: certificateKey(current), top: 0 });
  const rows = listRows(bodySize(model));
  const wanted = scrolled(key, row, rows, certificates.length - 1);
  const target = certificates[wanted];
  if (!target || wanted === row) return stay(model);
  const top = keepVisible(screen.top, wanted, rows, certificates.length);
  return become(model, { ...screen, selected: certificateKey(target), top });
}

export function detailsKey(model: Model, screen: DetailsScreen, key: Key): Decision {
  const lines = detailLines(model, screen, wordsOf[model.language], bodySize(model).width);
  return scrollKey(model, screen, key, lines.length);
}

export const noticesKey = (model: Model, screen: NoticesScreen, key: Key): Decision =>
  scrollKey(model, screen, key, noticeRows(model, bodySize(model).width).length);

function scrollKey(model: Model, screen: DetailsScreen | NoticesScreen, key: Key, lines: number): Decision {
  if (key.name === 'escape') return pop(model);
  const rows = scrollRows(bodySize(model));
  const last = Math.max(0, lines - rows);
  const from = Math.min(screen.top, last);
  const top = scrolled(key, from, rows, last);
  return top === from ? stay(model) : become(model, { ...screen, top });
}

function scrolled(key: Key, from: number, rows: number, last: number): number {
  const page = Math.max(1, rows - 1);
  const moves: Readonly<Record<string, number>> = {
    up: from - 1,
    down: from + 1,
    'page-up': from - page,
    'page-down': from + page,
    home: 0,
    end: last,
  };
  return Math.min(Math.max(0, moves[key.name] ?? from), last);
}
