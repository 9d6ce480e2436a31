/** How many devices there are, by what the server counts of them. */
import type { ReadinessView } from '../../../api/server-certificates.ts';

export const totalOf = ({ counts }: Pick<ReadinessView, 'counts'>): number =>
  Object.values(counts).reduce((sum, count) => sum + count, 0);
/** Those that do not hold the reserve. */
export const lackingOf = (view: Pick<ReadinessView, 'counts'>): number => totalOf(view) - view.counts.holds;
/** Those that would not be there in time, by their habits. */
export const missingOf = ({ counts }: Pick<ReadinessView, 'counts'>): number =>
  counts.late + counts.overdue + counts.unknown;
