/** `thintrust-server`: exit code 0 good, 1 refused (the fault on standard error), 2 misused. */
import { guardMemory } from '../native/engine.ts';
import { serverWords as words } from '../words/server.ts';
import { aim, type Command, misused, type Outcome, type Parsed, parse } from './cli/command.ts';
import { outcomeOf, sentenceOf } from './cli/refusal.ts';
import { childWord } from './edge/import-identity.ts';

const wantedNode = [24, 7] as const;

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major < wantedNode[0] || (major === wantedNode[0] && minor < wantedNode[1])) {
  const sentence = words.oldNode.replace('{wanted}', wantedNode.join('.')).replace('{found}', process.versions.node);
  process.stderr.write(`${sentence}\n`);
  process.exit(2);
}
// Any command may be given a passphrase, and some open the keys with it; who reads a file with a key has that key.
const unguarded = guardMemory();
if (unguarded !== null) process.stderr.write(`warning: keys in memory are not guarded: ${unguarded}\n`);
if (process.argv[2] === childWord)
  import('./edge/identity-child.ts').then(({ answerIdentityFile }) => answerIdentityFile());
else
  main(process.argv.slice(2)).then((code) => {
    process.exitCode = code;
  });

async function main(argv: readonly string[]): Promise<number> {
  const commands = await readCommands();
  const { note } = await import('./cli/client.ts');
  const { state, command } = aim(commands, argv, process.env);
  const parsed = parse(commands, argv, process.env);
  if (parsed.at === 'help') {
    process.stdout.write(parsed.text);
    return 0;
  }
  const outcome = parsed.at === 'misused' ? misused(parsed.text) : await run(parsed);
  const code = report(outcome, parsed.at === 'run' && parsed.words.json, state);
  if (outcome.ok === 'misused') await note(state, command, 'usage');
  else if (!outcome.ok && !outcome.asked) await note(state, command, outcome.fault.code);
  return code;
}

async function run({ command, words }: Extract<Parsed, { at: 'run' }>): Promise<Outcome> {
  try {
    return await command.run(words);
  } catch (error) {
    return outcomeOf(error);
  }
}

/** Loaded late: an old runtime is told so before it meets what it does not know. */
async function readCommands(): Promise<readonly Command[]> {
  const { localCommands } = await import('./cli/local.ts');
  const { codeCommands } = await import('./cli/code.ts');
  const { fleetCommands } = await import('./cli/remote.ts');
  const { certificateCommands } = await import('./cli/certificate.ts');
  const { identityCommands } = await import('./cli/identity.ts');
  const { deviceCertificateCommands } = await import('./cli/device-certificates.ts');
  const { policyCommands } = await import('./cli/policy.ts');
  const { authorityCommands } = await import('./cli/authorities.ts');
  const { repairCommands } = await import('./cli/repair.ts');
  const { mutualCommands } = await import('./cli/mutual.ts');
  const { userCommands } = await import('./cli/users.ts');
  const { mailCommands } = await import('./cli/mail.ts');
  const { accountCommands } = await import('./cli/accounts.ts');
  const { onboardingCommands } = await import('./cli/onboarding.ts');
  const { keyCommands } = await import('./cli/keys.ts');
  return [
    ...localCommands,
    ...codeCommands,
    ...repairCommands,
    ...fleetCommands,
    ...certificateCommands,
    ...identityCommands,
    ...deviceCertificateCommands,
    ...policyCommands,
    ...authorityCommands,
    ...mutualCommands,
    ...userCommands,
    ...mailCommands,
    ...accountCommands,
    ...onboardingCommands,
    ...keyCommands,
  ];
}

function report(outcome: Outcome, json: boolean, state: string): number {
  if (outcome.ok === 'misused') {
    process.stderr.write(`${outcome.text}\n`);
    return 2;
  }
  if (outcome.ok) {
    const { data, text } = outcome;
    if (!json) process.stdout.write(text);
    else if (data !== undefined) process.stdout.write(`${JSON.stringify(data)}\n`);
    return 0;
  }
  const { fault, faults, text } = outcome;
  if (json) process.stdout.write(`${JSON.stringify(faults ? { ...fault, faults } : fault)}\n`);
  else
    for (const each of faults ?? [fault])
      process.stderr.write(`${words.failed.replace('{sentence}', () => text ?? sentenceOf(each, state))}\n`);
  return 1;
}
