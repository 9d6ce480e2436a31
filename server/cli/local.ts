/**
 * Commands that work on the state directory itself: the first start, running, backups and recovery. What they do is
 * loaded when one of them runs: database and cryptography take half a second that the other commands need not spend.
 */
import type { Command, Option } from './command.ts';

const load = () => import('./state.ts');

const placeOptions: Readonly<Record<string, Option>> = {
  name: { type: 'string', text: 'server-name' },
  host: { type: 'string', text: 'host' },
  'https-port': { type: 'string', text: 'https-port' },
  'mqtt-port': { type: 'string', text: 'mqtt-port' },
  'authority-key': { type: 'string', text: 'authority-key' },
  'legacy-port': { type: 'string', text: 'legacy-port' },
  'web-port': { type: 'string', text: 'web-port' },
};

export const localCommands: readonly Command[] = [
  { name: 'init', positionals: [], options: placeOptions, run: async (given) => (await load()).runInit(given) },
  {
    name: 'run',
    positionals: [],
    options: {
      ...placeOptions,
      broker: { type: 'string', text: 'broker' },
      'broker-dir': { type: 'string', text: 'broker-dir' },
      override: { type: 'boolean', text: 'override-cut' },
    },
    run: async (given) => (await load()).runServer(given),
  },
  { name: 'backup', positionals: ['FILE'], options: {}, run: async (given) => (await load()).runBackup(given) },
  { name: 'restore', positionals: ['FILE'], options: {}, run: async (given) => (await load()).runRestore(given) },
  {
    name: 'recover',
    positionals: [],
    options: { kit: { type: 'string', text: 'kit', required: true } },
    run: async (given) => (await load()).runRecover(given),
  },
  {
    name: 'mosquitto-config',
    positionals: ['DIR'],
    options: {},
    run: async (given) => (await load()).runMosquittoConfig(given),
  },
];
