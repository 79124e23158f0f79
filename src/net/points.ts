import type { PointRole } from '../report/report.js';
import { pointText, roleOfInterface } from './point-name.js';

/** A capture point: a node's interface. Its number is its place in the point table. */
export interface CapturePoint {
  readonly id: number;
  name: string;
  /** Node that the name gives; points without one are taken as one node's, named ''. */
  readonly node: string;
  interface: string;
  role: PointRole;
  readonly files: string[];
}

/** How far a role is from the pod: 0 at the pod, growing towards the wire. Unknown roles have no rank (-1). */
export function rankOf(role: PointRole): number {
  switch (role) {
    case 'pod':
      return 0;
    case 'veth':
      return 1;
    case 'bridge':
      return 2;
    case 'tunnel':
      return 3;
    case 'underlay':
      return 4;
    case 'cooked':
    case 'unknown':
      return -1;
  }
}

/** True for the roles of a workload's own interface, on either side of it. */
export function isWorkload(role: PointRole): boolean {
  return role === 'pod' || role === 'veth';
}

/** Two points in one number, in this order. */
export function pointsKey(first: number, second: number): number {
  return (first << 16) | second;
}

/** All points of a run, by name. */
export class PointTable {
  readonly points: CapturePoint[] = [];
  readonly #byName = new Map<string, CapturePoint>();

  /** The point of that node and interface, made when it is new. */
  get(node: string | null, interfaceName: string, file: string): CapturePoint {
    const name = pointText(node, interfaceName);
    let point = this.#byName.get(name);
    if (point === undefined) {
      point = {
        id: this.points.length,
        name,
        node: node ?? '',
        interface: interfaceName,
        role: roleOfInterface(interfaceName),
        files: [],
      };
      this.points.push(point);
      this.#byName.set(name, point);
    }
    if (!point.files.includes(file)) point.files.push(file);
    return point;
  }

  /** Gives a point the interface that a number stands for, unless that interface has a point already; its old name finds it, too. */
  rename(point: CapturePoint, interfaceName: string): void {
    const name = pointText(point.node === '' ? null : point.node, interfaceName);
    if (this.#byName.has(name)) return;
    point.name = name;
    point.interface = interfaceName;
    this.#byName.set(name, point);
  }

  find(name: string): CapturePoint | undefined {
    return this.#byName.get(name);
  }

  name(id: number): string {
    return this.points[id]!.name;
  }
}
