import { escapeText } from './escape.js';
import type {
  BackendFailure,
  FailingBackends,
  Report,
  ServiceBackendsReport,
  ServiceInterval,
  ServiceReport,
} from './report.js';
import {
  aligned,
  counted,
  CROSS,
  endpoint,
  nanoseconds,
  rest,
  timeOfDay,
  VERDICTS,
  type Paint,
} from './text-layout.js';

/** Services told, and intervals of one. */
const MOST_SERVICES = 5;
const MOST_INTERVALS = 12;
/** Backends told of one service, and those named in a finding. */
const MOST_BACKENDS = 10;
const MOST_FAILING = 5;
const RESETS = /^(rst-|reset$|conntrack-invalid-leak$|bgp-unknown-peer-reset$)/;

/** Connections of services over time, where resets were found: a pulse, or one after the other. */
export function serviceLines({ services, findings }: Report, paint: Paint): string[] {
  if (!findings.some(({ kind, severity }) => severity !== 'info' && RESETS.test(kind))) return [];
  const best = new Map<string, ServiceReport>();
  const size = ({ syn, synAck, fin, rst }: ServiceReport): number => syn + synAck + fin + rst;
  for (const service of services) {
    if (service.rst === 0) continue;
    const name = endpoint(service.address, service.port);
    const other = best.get(name);
    if (other === undefined || size(other) < size(service)) best.set(name, service);
  }
  const all = [...best];
  const lines = all.slice(0, MOST_SERVICES).flatMap(([name, service]) => {
    const rows = merged(service, MOST_INTERVALS).map((interval) => [
      timeOfDay(interval.time).replace(/\..*/, ''),
      ...COLUMNS.map(([, column]) => String(interval[column])),
    ]);
    const [header, ...body] = aligned([['UTC', ...COLUMNS.map(([title]) => title)], ...rows], [1, 2, 3, 4, 5]);
    return [
      `  ${name} at ${escapeText(service.point)}`,
      `    ${paint('dim', header!)}`,
      ...body.map((row) => `    ${row}`),
    ];
  });
  return lines.length === 0
    ? []
    : [paint('bold', 'Services with resets over time'), ...lines, ...rest(all.length, 'service', MOST_SERVICES)];
}

const COLUMNS = [
  ['SYN', 'syn'],
  ['SYN,ACK', 'synAck'],
  ['FIN', 'fin'],
  ['RST', 'rst'],
  ['by the service', 'rstByService'],
] as const;

/** The intervals of a service, neighbours put together until there are no more than so many. */
function merged({ intervals, interval }: ServiceReport, most: number): ServiceInterval[] {
  let rows = [...intervals];
  const [first] = rows;
  if (first === undefined) return rows;
  const number = ({ time }: ServiceInterval, length: number): bigint =>
    (nanoseconds(time) - nanoseconds(first.time)) / BigInt(Math.round(length * 1e9));
  for (let length = interval * 2; rows.length > most; length *= 2) {
    const together: ServiceInterval[] = [];
    for (const row of rows) {
      const last = together[together.length - 1];
      if (last === undefined || number(last, length) !== number(row, length)) together.push(row);
      else {
        together[together.length - 1] = {
          time: last.time,
          syn: last.syn + row.syn,
          synAck: last.synAck + row.synAck,
          fin: last.fin + row.fin,
          rst: last.rst + row.rst,
          rstByService: last.rstByService + row.rstByService,
        };
      }
    }
    rows = together;
  }
  return rows;
}

/** What service addresses were translated to, and how each backend did; services of which one fails come first. */
export function backendLines({ backends: services }: Report, paint: Paint): string[] {
  const isFailing = ({ backends }: ServiceBackendsReport): boolean => backends.some(({ fails }) => fails !== null);
  const sorted = [...services.filter(isFailing), ...services.filter((service) => !isFailing(service))];
  const lines = sorted.slice(0, MOST_SERVICES).flatMap(({ protocol, address, port, exchanges, backends }) => {
    const failing = backends.filter(({ fails }) => fails !== null);
    const told = [...failing, ...backends.filter(({ fails }) => fails === null)];
    const rows = told.slice(0, MOST_BACKENDS).map(({ address, port, exchanges, share, verdicts, reset, fails }) => {
      const counts = VERDICTS.filter((verdict) => verdicts[verdict] > 0).map(
        (verdict) => `${verdicts[verdict]} ${verdict}`,
      );
      if (reset > 0) counts.push(`${reset} of them reset`);
      const mark = fails === null ? '' : `  ${paint('red', `${CROSS} ${FAILS[fails]}`)}`;
      return [endpoint(address, port), String(exchanges), percent(share), `${counts.join(', ')}${mark}`];
    });
    const seen = backends.reduce((sum, { exchanges }) => sum + exchanges, 0);
    const unseen = exchanges > seen ? `, ${exchanges - seen} of them seen under no other address` : '';
    return [
      `  ${endpoint(address, port)}/${protocol}: ${counted(exchanges, 'request')}${unseen}`,
      ...aligned(rows, [1, 2]).map((row) => `    ${row}`),
      ...rest(backends.length, 'backend', MOST_BACKENDS).map((line) => `  ${line}`),
    ];
  });
  return lines.length === 0
    ? []
    : [
        paint('bold', 'Services and what they were translated to'),
        ...lines,
        ...rest(services.length, 'service', MOST_SERVICES),
      ];
}

const FAILS: Readonly<Record<BackendFailure, string>> = {
  unanswered: 'does not answer',
  refused: 'refuses',
  reset: 'resets',
};
const FAILS_ALL: typeof FAILS = { unanswered: 'do not answer', refused: 'refuse', reset: 'reset' };

/** `1 of 3 backends of 10.96.0.10:53/udp fails: 10.244.2.7:53 (4 of 12 requests, 33 %; does not answer, others answer)` */
export function failingText({ service, failing, how, of, exchanges, ofExchanges }: FailingBackends): string {
  const some = failing.slice(0, MOST_FAILING).join(', ');
  const more = failing.length > MOST_FAILING ? ', …' : '';
  const one = failing.length === 1;
  const share = `${exchanges} of ${ofExchanges} requests, ${percent((exchanges * 100) / ofExchanges)}`;
  return `${failing.length} of ${of} backends of ${service} ${one ? 'fails' : 'fail'}: ${some}${more} (${share}; ${one ? FAILS[how] : FAILS_ALL[how]}, others answer)`;
}

function percent(share: number): string {
  return `${share < 1 ? '<1' : Math.round(share)} %`;
}
