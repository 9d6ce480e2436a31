/** What a person's fingers do: characters as keys of the keyboard (QEMU's `QKeyCode`), by the layout that is on. */

export type Stroke = readonly string[];

const named: Readonly<Record<string, string>> = {
  ' ': 'spc',
  '-': 'minus',
  '=': 'equal',
  '[': 'bracket_left',
  ']': 'bracket_right',
  ';': 'semicolon',
  "'": 'apostrophe',
  '`': 'grave_accent',
  '\\': 'backslash',
  ',': 'comma',
  '.': 'dot',
  '/': 'slash',
};
const shifted: Readonly<Record<string, string>> = Object.fromEntries(
  [...'~!@#$%^&*()_+{}|:"<>?'].map((each, at) => [each, [..."`1234567890-=[]\\;',./"][at] ?? '']),
);
const russianRows = 'йцукенгшщзхъфывапролджэячсмитьбюё';
const latinRows = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`";
const onRussian: ReadonlyMap<string, string> = new Map([...russianRows].map((each, at) => [each, latinRows[at] ?? '']));

/** Letters, digits and signs of the English layout, and Russian letters, of which the layout has to be on. */
export function strokeOf(character: string): Stroke {
  const lower = character.toLowerCase();
  const place = onRussian.get(lower);
  if (place !== undefined) return lower === character ? strokeOf(place) : ['shift', ...strokeOf(place)];
  if (/[a-z0-9]/.test(character)) return [character];
  if (/[A-Z]/.test(character)) return ['shift', lower];
  const key = named[character];
  if (key !== undefined) return [key];
  const below = shifted[character];
  if (below !== undefined) return ['shift', ...strokeOf(below)];
  throw new Error(`no key for ${character}`);
}
