/** The console's loop: messages in, commands out, one frame for all messages of one turn. */
import { performance } from 'node:perf_hooks';
import type { Language } from '../words/say.ts';
import { type AgentClient, connectAgent } from './edge/agent.ts';
import { openTerminal, type Terminal } from './edge/terminal.ts';
import { type Command, type Message, type Model, start } from './model.ts';
import { update } from './update.ts';
import { view } from './view.ts';

export type Order = {
  readonly socketPath: string;
  readonly language: Language;
  readonly allowExit: boolean;
  readonly layoutKey: string | null;
  readonly onExit: () => void;
};

const tickMs = 1000;

/** Runs until the person leaves (where that is allowed) or the process ends. */
export async function runConsole({ socketPath, language, allowExit, layoutKey, onExit }: Order): Promise<void> {
  // blessed reads this when it is loaded: UTF-8 lines and blocks instead of a terminal's own character set.
  process.env['NCURSES_NO_UTF8_ACS'] = '1';
  const { default: Screen } = await import('blessed/lib/widgets/screen.js');
  let waiting = false;
  const terminal: Terminal = openTerminal(Screen, {
    onKey: (key) => send({ type: 'key', key }),
    onResize: (size) => send({ type: 'resized', size }),
  });
  let model: Model = start({
    size: terminal.size(),
    language,
    allowExit,
    layoutKey,
    offsetMinutes: offset(),
    upMs: up(),
  });
  const ticking = setInterval(() => send({ type: 'ticked', upMs: up(), offsetMinutes: offset() }), tickMs);

  const send = (message: Message): void => {
    const decision = update(model, message);
    const changed = decision.model !== model;
    model = decision.model;
    for (const command of decision.commands) perform(command);
    if (!changed || waiting) return;
    waiting = true;
    process.nextTick(() => {
      waiting = false;
      terminal.draw(view(model));
    });
  };
  const agent: AgentClient = connectAgent(socketPath, {
    onStatus: (status) => send({ type: 'status-arrived', status, upMs: up(), now: Date.now() }),
    onLost: () => send({ type: 'service-lost' }),
  });

  const perform = (command: Command): void => {
    if (command.do === 'ask') {
      const { ticket, ask } = command;
      void agent.ask(ask).then((answer) => send({ type: 'answered', ticket, answer }));
      return;
    }
    clearInterval(ticking);
    agent.close();
    terminal.close();
    onExit();
  };

  terminal.draw(view(model));
}

const up = (): number => Math.round(performance.now());
const offset = (): number => -new Date().getTimezoneOffset();
