/** The main job as `story.test.ts` does not tell it: each broker with the other Node on the device. */
import { needs, table } from '../harness.ts';
import { ofBroker } from './brokers.ts';
import { node20 } from './system.ts';
import { type Telling, tellStory } from './telling.ts';

needs(['tmux', 'mosquitto', 'node20']);

const rows: readonly Telling[] = [
  { name: 'embedded broker, Node 20 on the device', broker: 'embedded', runtime: node20() ?? '' },
  { name: 'mosquitto, Node 24 on the device', broker: 'mosquitto', runtime: process.execPath },
];

table('the story', ofBroker(rows), tellStory);
