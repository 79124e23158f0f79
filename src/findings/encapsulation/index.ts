import type { Finding } from '../../report/report.js';
import type { FindingContext } from '../context.js';

export function encapsulationFindings(_context: FindingContext): Finding[] {
  return [];
}
