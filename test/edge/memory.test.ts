import { execFileSync } from 'node:child_process';
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { collectGarbage } from '../../agent/edge/memory.ts';
import { assert, test } from '../harness.ts';

const source = pathToFileURL('agent/edge/memory.ts').href;

test('what nothing holds is gone afterwards, what is held stays', async () => {
  const held = { text: 'held' };
  const kept = new WeakRef(held);
  const lost = new WeakRef({ text: 'lost' });
  // A weak reference that was made or read holds its target until the turn ends.
  await setImmediate();
  collectGarbage();
  assert.is(lost.deref(), undefined);
  assert.is(kept.deref(), held);
});

test('works where code may not be made of strings', () => {
  const script = `
    import { collectGarbage } from ${JSON.stringify(source)};
    const lost = new WeakRef({});
    setImmediate(() => { collectGarbage(); console.log(lost.deref() === undefined); });`;
  const flags = ['--disallow-code-generation-from-strings', '--input-type=module'];
  assert.is(execFileSync(process.execPath, [...flags, '-e', script], { encoding: 'utf8' }), 'true\n');
});
