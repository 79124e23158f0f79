export {
  diagnose,
  exchanges,
  OptionsError,
  points,
  trails,
  type CaptureInput,
  type DiagnoseOptions,
} from './diagnose.js';
export { CaptureError, type Capture, type CaptureErrorCode, type CaptureSource } from './capture/capture.js';
export { FrameBatch, type CaptureInterface } from './capture/frame-batch.js';
export type * from './report/report.js';
