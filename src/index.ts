export { diagnose, exchanges, points, trails } from './diagnose.js';
export type { CaptureInput } from './inputs.js';
export { OptionsError, type DiagnoseOptions } from './options.js';
export { openCapture, type OpenOptions } from './capture/open.js';
export { CaptureError, type Capture, type CaptureErrorCode, type CaptureSource } from './capture/capture.js';
export { FrameBatch, type CaptureInterface } from './capture/frame-batch.js';
export { PacketView } from './wire/packet.js';
export type * from './report/report.js';
