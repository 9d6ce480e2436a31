/** A real terminal for a real program: tmux with its own server, typed keys, screens read. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export type TerminalSession = {
  /** tmux key names (`Enter`, `F2`, `Escape`) or text. */
  readonly press: (...keys: readonly string[]) => Promise<void>;
  readonly type: (text: string) => Promise<void>;
  readonly screen: () => Promise<string>;
  /** The screen once it shows this and has come to rest; fails with the last screen after `patienceMs`. */
  readonly shows: (wanted: string | RegExp, patienceMs?: number) => Promise<string>;
  readonly resize: (width: number, height: number) => Promise<void>;
  readonly close: () => Promise<void>;
};

export type SessionOrder = {
  /** Socket of a tmux server of its own, in a directory the test removes. */
  readonly socket: string;
  readonly command: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly width: number;
  readonly height: number;
};

const lookEveryMs = 30;

export async function openSession({
  socket,
  command,
  environment,
  width,
  height,
}: SessionOrder): Promise<TerminalSession> {
  const tmux = async (...args: readonly string[]): Promise<string> =>
    (await run('tmux', ['-f', '/dev/null', '-S', socket, ...args], { env: { ...process.env, LANG: 'C.UTF-8' } }))
      .stdout;
  const settings = Object.entries(environment).flatMap(([key, value]) => ['-e', `${key}=${value}`]);
  await tmux('new-session', '-d', '-s', 'main', '-x', String(width), '-y', String(height), ...settings, command);
  const screen = (): Promise<string> => tmux('capture-pane', '-p', '-t', 'main');
  return {
    press: async (...keys) => void (await tmux('send-keys', '-t', 'main', ...keys)),
    type: async (text) => void (await tmux('send-keys', '-t', 'main', '-l', '--', text)),
    screen,
    shows: async (wanted, patienceMs = 10_000) => {
      const until = performance.now() + patienceMs;
      // A frame may be caught half drawn: it counts when it is the same at the next look.
      for (let before = ''; ; ) {
        const shown = await screen();
        if (shown === before && (typeof wanted === 'string' ? shown.includes(wanted) : wanted.test(shown)))
          return shown;
        before = shown;
        if (performance.now() > until) throw new Error(`the screen never showed ${wanted}; it shows:\n${shown}`);
        await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
      }
    },
    resize: async (w, h) => void (await tmux('resize-window', '-t', 'main', '-x', String(w), '-y', String(h))),
    close: async () => {
      await tmux('kill-server').catch(() => undefined);
    },
  };
}
