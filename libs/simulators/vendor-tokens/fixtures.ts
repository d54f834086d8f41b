/** The data URL of a PNG with this size in its header, and no picture. */
export function pngOfSize(width: number, height: number): string {
  const header = Buffer.alloc(33);
  header.set([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  header.writeUInt32BE(13, 8);
  header.write('IHDR', 12, 'latin1');
  header.writeUInt32BE(width, 16);
  header.writeUInt32BE(height, 20);
  header.set([8, 2], 24);
  return `data:image/png;base64,${header.toString('base64')}`;
}
