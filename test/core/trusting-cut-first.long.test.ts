/**
 * Certificates accepted, imported and removed, and the policy that takes them, killed after every effect, and once more after
 * every effect of the recovery from that (F9–F14, F32, F37): all pairs, here and in the file beside it.
 */
import { tableOfCuts } from '../fakes/person-story.ts';

await tableOfCuts(0, 2);
