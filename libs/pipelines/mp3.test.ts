import t from 'tap';
import { silentMp3 } from '#libs/simulators/audio.ts';
import { joinMp3, mp3Seconds } from './mp3.ts';

t.test('given recordings with tags and stated lengths, then the joined one has the length of all', (t) => {
  const pieces = [silentMp3(2), Buffer.concat([silentMp3(3), v1Tag()]), silentMp3(4)];
  const joined = joinMp3(pieces);
  t.ok(Math.abs(mp3Seconds(joined) - 9) < 0.1);
  t.equal(joined.subarray(0, 2).toString('hex'), 'fff3', 'it begins with a frame');
  for (const mark of ['ID3', 'Info', 'TAG']) t.equal(joined.includes(mark), false, mark);
  t.end();
});

t.test('given frames without tags, or what is no MP3, then nothing is lost', (t) => {
  const frames = joinMp3([silentMp3(1)]);
  t.ok(joinMp3([frames, frames]).equals(Buffer.concat([frames, frames])));
  for (const bytes of [
    Buffer.alloc(0),
    Buffer.from('ID3'),
    Buffer.from('Info is no frame'),
    Buffer.alloc(500, 0xff),
  ])
    t.ok(joinMp3([bytes]).equals(bytes));
  t.end();
});

function v1Tag(): Buffer {
  const tag = Buffer.alloc(128);
  tag.write('TAG', 'latin1');
  return tag;
}

t.test('the length is counted, not read from the header', (t) => {
  t.ok(Math.abs(mp3Seconds(silentMp3(600, 1)) - 600) < 0.1);
  t.ok(mp3Seconds(silentMp3(1, 600)) < 1.1);
  const damaged = Buffer.concat([silentMp3(2), Buffer.alloc(1_000, 0x12), silentMp3(2).subarray(20)]);
  t.ok(Math.abs(mp3Seconds(damaged) - 4) < 0.2, 'frames after a gap count');
  t.equal(mp3Seconds(Buffer.alloc(1_000)), 0);
  t.end();
});
