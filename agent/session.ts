/**
 * `thintrust-session`: starts one client of a remote desktop for the agent. Standard input and output are the line to it
 * (a socket on a device, where the service manager starts us as the session user); the client's messages go to standard error.
 */
import { sayVersion } from '../protocol/version.ts';
import { runSession } from './edge/session-runner.ts';

if (process.argv[2] === '--version') {
  process.stdout.write(sayVersion('thintrust-session'));
  process.exit(0);
}
runSession(process.stdin, process.stdout, process.env).then(
  () => process.exit(0),
  (error: unknown) => {
    process.stderr.write(`thintrust-session: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
