import type { System } from './system.ts';

export async function startMosquitto(
  _system: System,
): Promise<{ serverArguments: string[]; close: () => Promise<void> }> {
  throw new Error('not yet');
}
