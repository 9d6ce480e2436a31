/** The units of the device: how exposed they are, and that none of ours that holds secrets leaves a core file. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { assert, needs, table, test } from '../harness.ts';

needs(['systemd-analyze']);

const units = fileURLToPath(new URL('../../rootfs-overlay/usr/lib/systemd/system/', import.meta.url));

type Row = { readonly name: string; readonly atMost: number };
const exposures: readonly Row[] = [
  { name: 'thintrustd.service', atMost: 2.0 },
  { name: 'thintrust-ui.service', atMost: 3.0 },
  { name: 'thintrust-session@.service', atMost: 3.0 },
  { name: 'thintrust-clock.service', atMost: 2.5 },
  { name: 'thintrust-font@.service', atMost: 1.8 },
  { name: 'thintrust-media@.service', atMost: 4.0 },
];

table('exposure by systemd-analyze security', exposures, ({ name, atMost }) => {
  const said = execFileSync('systemd-analyze', ['security', '--offline=yes', '--no-pager', `${units}${name}`], {
    encoding: 'utf8',
  });
  const exposure = Number(/Overall exposure level for \S+: (\d+\.\d+)/.exec(said)?.[1]);
  assert.ok(exposure <= atMost, `${exposure}\n${said}`);
});

test('every program of ours that runs for long writes no core file', () => {
  for (const name of readdirSync(units).filter((each) => each.endsWith('.service'))) {
    const text = readFileSync(`${units}${name}`, 'utf8');
    if (/^ExecStart=\/usr\/lib\/thintrust\/thintrust/m.test(text)) assert.match(text, /^LimitCORE=0$/m, name);
  }
});

test('what a unit starts, reads or wants of ours is there', () => {
  const overlay = fileURLToPath(new URL('../../rootfs-overlay', import.meta.url));
  const programs = new Set(
    ['thintrustd', 'thintrust-ui', 'thintrust-session'].map((name) => `/usr/lib/thintrust/${name}`),
  );
  const there = new Set(readdirSync(overlay, { recursive: true, encoding: 'utf8' }).map((path) => `/${path}`));
  const names = readdirSync(units);
  for (const name of names.filter((each) => /\.(service|socket|path|mount)$/.test(each))) {
    const text = readFileSync(`${units}${name}`, 'utf8');
    for (const [path] of text.matchAll(/\/usr\/lib\/thintrust\/[a-z.-]+/g))
      assert.ok(there.has(path) || programs.has(path), `${name}: ${path}`);
    for (const [unit] of text.matchAll(/\bthintrust[a-z-]*@?\.(service|socket|path)\b/g))
      assert.ok(names.includes(unit), `${name}: ${unit}`);
  }
  const preset = readFileSync(`${overlay}/usr/lib/systemd/system-preset/80-thintrust.preset`, 'utf8');
  for (const [, unit = ''] of preset.matchAll(/^enable (\S+)$/gm)) {
    assert.ok(names.includes(unit), unit);
    assert.match(readFileSync(`${units}${unit}`, 'utf8'), /^\[Install\]$/m, unit);
  }
});
