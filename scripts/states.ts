/** `make states`. */
import { writeFileSync } from 'node:fs';
import { statesPage } from './states-page.ts';

writeFileSync(new URL('../docs/states.md', import.meta.url), statesPage());
