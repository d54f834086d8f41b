import { parseBuffer } from 'music-metadata';
import t from 'tap';
import { silentMp3 } from '#libs/simulators/audio.ts';
import { joinMp3 } from './join-mp3.ts';

const secondsOf = async (mp3: Buffer) => {
  const { format } = await parseBuffer(mp3, { mimeType: 'audio/mpeg' }, { duration: true });
  return format.duration ?? 0;
};

t.test(
  'given recordings with tags and stated lengths, then the joined one has the length of all',
  async (t) => {
    const pieces = [silentMp3(2), Buffer.concat([silentMp3(3), v1Tag()]), silentMp3(4)];
    const joined = joinMp3(pieces);
    t.ok(Math.abs((await secondsOf(joined)) - 9) < 0.2);
    t.equal(joined.subarray(0, 2).toString('hex'), 'fff3', 'it begins with a frame');
    for (const mark of ['ID3', 'Info', 'TAG']) t.equal(joined.includes(mark), false, mark);
  },
);

t.test('given frames without tags, or what is no MP3, then nothing is lost', async (t) => {
  const frames = joinMp3([silentMp3(1)]);
  t.ok(joinMp3([frames, frames]).equals(Buffer.concat([frames, frames])));
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('ID3'),
    Buffer.from('Info is no frame'),
    Buffer.alloc(500, 0xff),
  ])
    t.ok(joinMp3([bytes]).equals(bytes));
});

function v1Tag(): Buffer {
  const tag = Buffer.alloc(128);
  tag.write('TAG', 'latin1');
  return tag;
}
