/** What `thintrust-server` says when something is refused: the fault's sentence, or a plainer one where more is known here. */
import { bad, type Fault } from '../../protocol/fault.ts';
import { fill, sayFault, wordsOf } from '../../words/say.ts';
import { serverWords as words } from '../../words/server.ts';
import type { Outcome } from './command.ts';

/** `directory`: the state directory of the command. */
export function sentenceOf(fault: Fault, directory: string): string {
  const { code, facts } = fault;
  if (code === 'daemon-not-running') return fill(words.notRunning, { directory });
  const rules: Readonly<Record<string, string>> = words.badRules;
  const rule = rules[String(facts['rule'])];
  if (code === 'bad-shape' && facts['what'] === 'body' && rule !== undefined)
    return fill(words.badField, { field: String(facts['at']).replace(/^\//, ''), rule });
  return sayFault(wordsOf.en, fault);
}

/** What a command threw. A path or a port that cannot be used is a mistake of the person; anything else is ours. */
export function outcomeOf(error: unknown): Outcome {
  const what = error instanceof Error ? error.message : String(error);
  const { code, syscall, path, address, port } = (error ?? {}) as NodeJS.ErrnoException & {
    readonly address?: string;
    readonly port?: number;
  };
  const reason = String(code);
  if (syscall === 'listen' && port !== undefined)
    return {
      ...bad('bad-argument', { what }),
      text: fill(words.unusablePort, { address: `${address}:${port}`, reason }),
    };
  if (syscall !== undefined && path !== undefined)
    return { ...bad('bad-argument', { what }), text: fill(words.unusable, { path, reason }) };
  return bad('internal', { what });
}
