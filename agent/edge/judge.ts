/** Carries the questions of the trust decision to the certificate path engine and its answers back. */
import { openEngine } from '../../native/engine.ts';
import { question, type TrustRequest, type Verdict, verdict } from '../core/decide.ts';

export type Judge = (request: TrustRequest) => Verdict;

/** Throws where the addon is missing: nothing weaker judges in its place. */
export function openJudge(): Judge {
  const { verifyPath } = openEngine();
  return (request) => {
    const step = question(request);
    return step.do === 'judged' ? step.verdict : verdict(request, verifyPath(step.question));
  };
}
