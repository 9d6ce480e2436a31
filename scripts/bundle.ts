/** Builds `dist/` from the four entries. */
import { existsSync, statSync } from 'node:fs';
import { bundleProgram, copyCompanions, programs } from './bundler.ts';

const folder = 'dist';

copyCompanions(folder);
for (const program of programs) {
  const file = `${folder}/${program.out}.cjs`;
  if (existsSync(program.entry)) {
    await bundleProgram(program, folder);
    process.stdout.write(`${file} ${Math.round(statSync(file).size / 1024)} KiB\n`);
  } else process.stdout.write(`${file} left out: there is no ${program.entry}\n`);
}
