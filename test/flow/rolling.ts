/** What an administrator does and sees in a rollover of the authority of identities. */
import type { SuccessionView } from '../../server/api/mutual.ts';
import { assert } from '../harness.ts';
import { ask, type System } from './system.ts';

export const view = async (system: System) =>
  (await ask<SuccessionView>(system, '/device-authorities')) as SuccessionView;
export const roles = async (system: System) => (await view(system)).authorities.map(({ role }) => role).sort();
export const rollover = (system: System, ...more: readonly string[]) =>
  system.admin(['authority', 'rollover', ...more, '--json']);

/** Refused in a sentence of its own that names exactly these. */
export async function refusedFor(system: System, names: string): Promise<void> {
  const { code, out } = await rollover(system, '--retire');
  assert.is(code, 1);
  const { code: fault, facts } = JSON.parse(out);
  assert.equal([fault, facts.devices], ['identities-not-renewed', names]);
  const { err } = await system.admin(['authority', 'rollover', '--retire']);
  assert.match(err, /Devices still use an identity of the former authority/);
  assert.match(err, new RegExp(`\\(${names}\\)`));
}
