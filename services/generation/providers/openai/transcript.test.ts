import t from 'tap';
import { providerError } from '../fixtures.ts';
import { jsonFormatOf, readTranscript } from './transcript.ts';

const answer = (more: object) => Buffer.from(JSON.stringify({ text: 'Ink. It is blue.', ...more }));
const SEGMENTS = [
  { id: 0, start: 0, end: 1.25, text: ' Ink.' },
  { id: 1, start: 1.25, end: 3_723.004, text: ' It is blue.' },
];

t.test('the seconds that are billed are read, and none are unknown', async (t) => {
  const rows: [object, number | null][] = [
    [{ usage: { type: 'duration', seconds: 90 } }, 90],
    [{ duration: 89.2 }, 90],
    [{ usage: { type: 'duration', seconds: 0 } }, null],
    [{ duration: 0 }, null],
    [{ usage: { type: 'duration', seconds: -5 } }, null],
    [{ usage: { type: 'duration', seconds: '90' } }, null],
    [{ usage: { type: 'duration', seconds: 1e300 } }, null],
    [{}, null],
  ];
  for (const [more, seconds] of rows)
    t.equal(readTranscript(answer(more), 'json').seconds, seconds, JSON.stringify(more));
});

t.test('formats without figures are written from one that has them', async (t) => {
  const verbose = answer({ duration: 3_724, segments: SEGMENTS });
  const rows = [
    ['json', 'json', verbose.toString()],
    ['verbose_json', 'verbose_json', verbose.toString()],
    ['text', 'json', 'Ink. It is blue.\n'],
    [
      'srt',
      'verbose_json',
      '1\n00:00:00,000 --> 00:00:01,250\nInk.\n\n2\n00:00:01,250 --> 01:02:03,004\nIt is blue.\n',
    ],
    [
      'vtt',
      'verbose_json',
      'WEBVTT\n\n00:00:00.000 --> 00:00:01.250\nInk.\n\n00:00:01.250 --> 01:02:03.004\nIt is blue.\n',
    ],
  ] as const;
  for (const [format, asked, expected] of rows) {
    t.equal(jsonFormatOf(format), asked, format);
    const { bytes, seconds } = readTranscript(verbose, format);
    t.equal(bytes.toString(), expected, format);
    t.equal(seconds, 3_724, format);
  }
});

t.test('an answer without a text is malformed', async (t) => {
  for (const text of ['{"text":7}', '[]', 'no JSON'])
    t.throws(() => readTranscript(Buffer.from(text), 'text'), providerError({ kind: 'malformed' }), text);
});
