/** What `make demo` runs, without a person: it registers a device, opens the screens, and ends when it is told to. */
import { rmSync } from 'node:fs';
import { assert, leaveOut, needs, test } from '../harness.ts';
import { testBroker } from './brokers.ts';
import { openFolder, openTerminal } from './system.ts';

if (testBroker !== 'embedded') leaveOut('the demo starts a server of its own, with the broker inside it');
needs(['tmux']);

test('the demo opens the screens, powers the device off and on, and ends', async () => {
  const folder = openFolder();
  const terminal = openTerminal(
    'demo',
    `THINTRUST_DEMO='${folder}' '${process.execPath}' scripts/demo.ts; echo ended with $?; sleep 60`,
  );
  try {
    const sheet = await terminal.see(/Press Enter to open the console screens/);
    assert.match(sheet, /npx thintrust-server code/);
    await terminal.type('Enter');
    await terminal.see(/demo, in no group[\s\S]*connected for/);
    await terminal.type('C-q');
    await terminal.see(/the device is off[\s\S]*Press Enter to power the device on again/);
    await terminal.type('Enter');
    await terminal.see(/demo, in no group[\s\S]*connected for/);
    await terminal.type('C-q');
    await terminal.see(/Press Enter to power the device on again/);
    await terminal.type('q', 'Enter');
    await terminal.see(/ended with 0/);
  } finally {
    await terminal.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
