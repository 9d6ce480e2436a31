import { readFileSync } from 'node:fs';
import { statesPage } from '../../scripts/states-page.ts';
import { assert, test } from '../harness.ts';

test('docs/states.md says what the core does (make states)', () => {
  assert.fixture(readFileSync(new URL('../../docs/states.md', import.meta.url), 'utf8'), statesPage());
});
