import type { Differs } from './report.js';

/** Fields told besides the first. */
const MORE = 3;

/** Good against bad in two sentences. */
export function differsText({ sibling, passes, point, fields, there }: Differs): string {
  const [first, ...more] = fields.map((field) => `${field.field} ${field.there} there, ${field.here} here`);
  const also = more.length === 0 ? '' : `; also ${more.slice(0, MORE).join('; ')}`;
  const rest = more.length > MORE ? `, and ${more.length - MORE} more` : '';
  return `${sibling} passes ${passes.join(' and ')}. First difference, at ${point} (${there.file} frame ${there.frame}): ${first}${also}${rest}`;
}
