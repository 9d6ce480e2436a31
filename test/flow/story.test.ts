/** The main job, once with the embedded broker and once with mosquitto, on the two ends of Node; the other two are long. */
import { needs, table } from '../harness.ts';
import { ofBroker } from './brokers.ts';
import { node20 } from './system.ts';
import { type Telling, tellStory } from './telling.ts';

needs(['tmux', 'mosquitto', 'node20']);

const rows: readonly Telling[] = [
  { name: 'embedded broker, Node 24 on the device', broker: 'embedded', runtime: process.execPath },
  { name: 'mosquitto, Node 20 on the device', broker: 'mosquitto', runtime: node20() ?? '' },
];

table('the story', ofBroker(rows), tellStory);
