/** The command line cannot be honoured; the message is one sentence for the user. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

const UNITS: Readonly<Record<string, number>> = { s: 1e9, ms: 1e6, us: 1e3, µs: 1e3, ns: 1 };

/** `POINT=OFFSET`, how far the clock of the point is ahead, in nanoseconds: `node2/eth0=+1.5s`, `node1/eth0=-200ms`. */
export function parseClock(text: string): readonly [point: string, offsetNs: number] {
  const equals = text.lastIndexOf('=');
  const match = /^([+-]?)(\d+)(?:\.(\d+))?(s|ms|us|µs|ns)$/.exec(text.slice(equals + 1));
  if (equals < 1 || match === null) {
    throw new UsageError(
      `--clock ${text}: write POINT=OFFSET with a unit, such as node2/eth0=+1.5s, -200ms, 3us or 40ns`,
    );
  }
  const [, sign, whole, fraction = '', unit] = match;
  // Whole and fraction apart, so that 1.7 s does not become 1,699,999,999 ns.
  const scale = UNITS[unit!]!;
  const size = Number(whole) * scale + Math.round(Number(`0.${fraction}0`) * scale);
  if (!Number.isSafeInteger(size)) throw new UsageError(`--clock ${text}: the offset is too large`);
  return [text.slice(0, equals), sign === '-' && size > 0 ? -size : size];
}

/** Octets: `268435456`, `256M`, `1G`. K, M and G are powers of 1024. */
export function parseMemory(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?$/i.exec(text);
  const power = match === null ? 0 : ' KMGT'.indexOf(match[2]!.toUpperCase() || ' ');
  const size = match === null ? 0 : Math.round(Number(match[1]) * 1024 ** power);
  if (size <= 0 || !Number.isSafeInteger(size)) {
    throw new UsageError(`--memory ${text}: write a size such as 256M or 1G`);
  }
  return size;
}

/** A UDP port, 1 to 65535. */
export function parsePort(option: string, text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (port < 1 || port > 65535) throw new UsageError(`${option} ${text}: write a port from 1 to 65535`);
  return port;
}

/** Points in path order, separated by commas. */
export function parseOrder(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new UsageError(`--order ${text}: write POINT,POINT,...`);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) throw new UsageError(`--order ${text}: ${twice} stands there twice`);
  return names;
}

const ISO =
  /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d{1,9}))?)?(?: ?(Z|UTC)|([+-])(\d\d):?(\d\d))?)?$/i;

/** Nanoseconds since the epoch, from epoch seconds (`1795226754.391`) or ISO 8601; UTC where no zone is given, as all output is. */
export function parseTime(option: string, text: string): bigint {
  // As seconds it would be in 1970
  const date = /^(20\d\d)(0[1-9]|1[0-2])([0-2]\d|3[01])$/.exec(text);
  if (date !== null) throw new UsageError(`${option} ${text}: write a date as ${date.slice(1).join('-')}`);
  const epoch = /^(\d{1,12})(?:\.(\d{1,9}))?$/.exec(text);
  if (epoch !== null) return BigInt(epoch[1]!) * 1_000_000_000n + BigInt((epoch[2] ?? '').padEnd(9, '0'));
  const iso = ISO.exec(text);
  if (iso !== null) {
    const [, date, hour = '00', minute = '00', second = '00', fraction = '', , sign, zoneHour, zoneMinute] = iso;
    const utc = `${date}T${hour}:${minute}:${second}.000Z`;
    const ms = Date.parse(utc);
    // Date takes the 31st of February for a day in March; such a text does not come back as it went in.
    if (!Number.isNaN(ms) && new Date(ms).toISOString() === utc) {
      const zone = sign === undefined ? 0 : (Number(zoneHour) * 60 + Number(zoneMinute)) * (sign === '-' ? -1 : 1);
      return BigInt(ms - zone * 60_000) * 1_000_000n + BigInt(fraction.padEnd(9, '0'));
    }
  }
  throw new UsageError(`${option} ${text}: write seconds since 1970 or a date such as 2026-11-21T14:05:54Z`);
}
