/** Writes the manual page and the bash completion of `thintrust` where they are installed from. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { completion, manualPage } from './manual-pages.ts';

const share = 'rootfs-overlay/usr/share';
const files = {
  [`${share}/man/man1/thintrust.1`]: manualPage(),
  [`${share}/bash-completion/completions/thintrust`]: completion(),
};
for (const [path, text] of Object.entries(files)) {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
