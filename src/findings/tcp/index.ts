import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';

export function tcpFindings(_context: FindingContext): Finding[] {
  return [];
}
