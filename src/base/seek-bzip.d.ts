/** The part of seek-bzip that the tests use; the package declares no types. */

declare module 'seek-bzip' {
  const bzip: { decode(input: Uint8Array): Uint8Array };
  export default bzip;
}
