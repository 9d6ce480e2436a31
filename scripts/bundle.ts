/** Builds `dist/` from the entries of the programs, with the licences of what is inside them. */
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { bundleProgram, copyCompanions, programs } from './bundler.ts';
import { licencesOf } from './licences.ts';
import { bundleWeb } from './web-bundler.ts';

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
const web = await bundleWeb(`${folder}/web`);
inside.push({ program: 'the Web Console', files: web.files });
process.stdout.write(`${folder}/web ${Math.round(web.gzipBytes / 1024)} KiB compressed\n`);
writeFileSync(`${folder}/THIRD-PARTY.txt`, licencesOf(inside));
