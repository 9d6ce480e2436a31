/**
 * The terminal, by blessed's screen: frames in, keys and sizes out. blessed compares cells with what it drew last and
 * sends the difference; it also gives the terminal back when the process ends. None of its widgets are used: a frame
 * says every cell. Works where the terminal shows UTF-8: `linux`, `xterm`, `screen`, `tmux`.
 */
import type Screen from 'blessed/lib/widgets/screen.js';
import type { Frame, Place, Style } from '../frame.ts';
import type { Key, KeyName, Size } from '../model.ts';

export type Terminal = {
  readonly size: () => Size;
  readonly draw: (frame: Frame) => void;
  /** Gives the terminal back as it was. */
  readonly close: () => void;
};
export type TerminalEvents = { readonly onKey: (key: Key) => void; readonly onResize: (size: Size) => void };

type Colour = 'default' | 'black' | 'red' | 'green' | 'yellow' | 'blue' | 'cyan' | 'white';
type Look = { readonly ink: Colour; readonly ground: Colour; readonly bold?: boolean; readonly reverse?: boolean };

const colours: Readonly<Record<Colour, number>> = {
  default: 0x1ff,
  black: 0,
  red: 1,
  green: 2,
  yellow: 3,
  blue: 4,
  cyan: 6,
  white: 7,
};

const looks: Readonly<Record<Style, Look>> = {
  normal: { ink: 'default', ground: 'default' },
  title: { ink: 'white', ground: 'blue', bold: true },
  key: { ink: 'black', ground: 'cyan' },
  strong: { ink: 'default', ground: 'default', bold: true },
  selected: { ink: 'default', ground: 'default', reverse: true },
  field: { ink: 'white', ground: 'blue' },
  hint: { ink: 'cyan', ground: 'default' },
  good: { ink: 'green', ground: 'default', bold: true },
  warning: { ink: 'yellow', ground: 'default', bold: true },
  error: { ink: 'red', ground: 'default', bold: true },
  // Readers want dark modules on light ground, whatever the terminal's own colours are.
  qr: { ink: 'black', ground: 'white' },
};

const keyNames: Readonly<Record<string, KeyName>> = {
  up: 'up',
  down: 'down',
  left: 'left',
  right: 'right',
  pageup: 'page-up',
  pagedown: 'page-down',
  home: 'home',
  end: 'end',
  enter: 'enter',
  linefeed: 'enter',
  escape: 'escape',
  'M-escape': 'escape',
  tab: 'tab',
  'S-tab': 'back-tab',
  backspace: 'backspace',
  delete: 'delete',
  f2: 'f2',
  f3: 'f3',
  f4: 'f4',
  f5: 'f5',
  f6: 'f6',
  'C-c': 'quit',
  'C-q': 'quit',
};

/** Takes the terminal over. `make` is blessed's screen class: it reads the environment when loaded, so late. */
export function openTerminal(make: typeof Screen, { onKey, onResize }: TerminalEvents): Terminal {
  const screen = new make({ forceUnicode: true, fullUnicode: false });
  let cursor: Place | null = null;
  const size = (): Size => ({ width: screen.width, height: screen.height });
  screen.on('resize', () => onResize(size()));
  screen.on('keypress', (character, stroke) => {
    const name = keyNames[stroke.full ?? ''];
    if (name) onKey({ name });
    else if (character && !stroke.ctrl && !stroke.meta && character >= ' ') onKey({ name: 'character', character });
  });

  const draw = (frame: Frame): void => {
    for (const [y, line] of frame.lines.entries()) {
      const row = screen.lines[y];
      if (!row) break;
      let x = 0;
      for (const { text, style } of line) {
        const attribute = attributes[style];
        for (const character of text) {
          const cell = row[x++];
          if (!cell || (cell[0] === attribute && cell[1] === character)) continue;
          cell[0] = attribute;
          cell[1] = character;
          row.dirty = true;
        }
      }
    }
    screen.draw(0, screen.lines.length - 1);
    placeCursor(frame.cursor);
  };

  const placeCursor = (place: Place | null): void => {
    if (!place) {
      if (cursor) screen.program.hideCursor();
    } else if (!cursor || cursor.x !== place.x || cursor.y !== place.y) {
      screen.program.cup(place.y, place.x);
      if (!cursor) screen.program.showCursor();
    }
    cursor = place;
    // blessed would wait for the next turn of the loop.
    screen.program.flush();
  };

  return { size, draw, close: () => screen.destroy() };
}

/** blessed's cell attribute: flags, ink and ground, nine bits each. */
const attributeOf = ({ ink, ground, bold = false, reverse = false }: Look): number =>
  (((bold ? 1 : 0) | (reverse ? 8 : 0)) << 18) | (colours[ink] << 9) | colours[ground];

const attributes = Object.fromEntries(
  Object.entries(looks).map(([style, look]) => [style, attributeOf(look)]),
) as Readonly<Record<Style, number>>;
