/**
 * The cut test: the main job (register, policy, reserve, switch, replace) is killed after every effect n, and once more after
 * every effect m of the recovery from that (F9–F14, F32, F37): about 110 effects, 5800 pairs, all of them here and in the
 * three files beside it. Pairs that leave the very same disk and server are lived once.
 */
import { tableOfCuts } from '../fakes/cuts.ts';

await tableOfCuts(0, 4);
