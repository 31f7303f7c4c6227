/** The part of seek-bzip that Weir uses; the package declares no types. */

declare module 'seek-bzip' {
  const bzip: { decode(input: Uint8Array): Uint8Array };
  export default bzip;
}
