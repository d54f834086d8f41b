import t from 'tap';
import { mp3OfBytes, wavOfSeconds } from '#libs/simulators/vendor-tokens/fixtures.ts';
import { recordingSeconds } from './recording.ts';

t.test('the seconds of a recording are bounded by its bytes', async (t) => {
  const rows: [title: string, base64: string, format: 'wav' | 'mp3', seconds: number | undefined][] = [
    ['WAV counts at the lowest rate of speech', wavOfSeconds(2), 'wav', 9],
    ['WAV of that rate is exact, but for the header', wavOfSeconds(2, { rate: 8_000, bits: 8 }), 'wav', 3],
    ['WAV of samples as fractions', wavOfSeconds(1, { bits: 32, format: 3 }), 'wav', 9],
    ['WAV with a lower rate', wavOfSeconds(2, { rate: 4_000 }), 'wav', undefined],
    ['WAV with compressed samples', wavOfSeconds(2, { format: 2 }), 'wav', undefined],
    ['a header that ends early', Buffer.from('RIFF').toString('base64'), 'wav', undefined],
    ['MP3 counts at the lowest bitrate', mp3OfBytes(16_000), 'mp3', 16],
    ['MP3 after an ID3 tag', mp3OfBytes(1_500, { tagBytes: 490 }), 'mp3', 2],
    ['MP3 without a bitrate', mp3OfBytes(16_000, { bitrate: 0 }), 'mp3', undefined],
    ['MP3 that is WAV', wavOfSeconds(1), 'mp3', undefined],
    ['WAV that is MP3', mp3OfBytes(16_000), 'wav', undefined],
    ['nothing', '', 'mp3', undefined],
    [
      'a tag without an end',
      Buffer.from('ID3\u0004\0\0\u007f\u007f\u007f\u007f').toString('base64'),
      'mp3',
      undefined,
    ],
  ];
  for (const [title, base64, format, seconds] of rows) {
    t.equal(recordingSeconds(base64, format), seconds, title);
  }
});
