/** Paths of the console against their patterns. Pure. */
export type Params = Readonly<Record<string, string>>;

/** The parts of `path` that `pattern` (`/devices/:id`) names, or null where it is another path. */
export function match(pattern: string, path: string): Params | null {
  const wanted = pattern.split('/');
  const found = path.split('/');
  if (wanted.length !== found.length) return null;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const given = decode(found[index] ?? '');
    if (part.startsWith(':') ? !given : part !== given) return null;
    if (part.startsWith(':')) params[part.slice(1)] = given ?? '';
  }
  return params;
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
