import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';

export function applicationFindings(_context: FindingContext): Finding[] {
  return [];
}
