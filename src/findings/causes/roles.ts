import type { CapturePoint } from '../../net/points.js';

export type Role = CapturePoint['role'];

export const INSIDE: readonly Role[] = ['pod', 'veth', 'bridge'];
export const WORKLOAD: readonly Role[] = ['pod', 'veth'];
export const NAMELESS: readonly Role[] = ['cooked', 'unknown'];
