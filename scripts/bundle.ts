/** Builds `dist/` from the entries of the programs, with the licences of what is inside them. */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { bundleProgram, copyCompanions, programs } from './bundler.ts';
import { licencesOf } from './licences.ts';

const folder = 'dist';
const inside: { program: string; files: readonly string[] }[] = [];

copyCompanions(folder);
for (const program of programs) {
  const file = `${folder}/${program.out}.cjs`;
  if (existsSync(program.entry)) {
    inside.push({ program: program.out, files: await bundleProgram(program, folder) });
    process.stdout.write(`${file} ${Math.round(statSync(file).size / 1024)} KiB\n`);
  } else process.stdout.write(`${file} left out: there is no ${program.entry}\n`);
}
writeFileSync(`${folder}/THIRD-PARTY.txt`, licencesOf(inside));
