/** What layout.ts uses of buffer-layout 1.2, which has no types of its own. */
declare module 'buffer-layout' {
  const bufferLayout: {
    u8(property?: string): unknown;
    u16be(property: string): unknown;
    u24be(property: string): unknown;
    u32be(property: string): unknown;
    seq(element: unknown, count: number, property: string): unknown;
    struct(fields: readonly unknown[]): unknown;
  };
  export default bufferLayout;
}
