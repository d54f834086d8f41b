import t from 'tap';
import { checkJournal, findJournalFaults } from './migrations.ts';

t.test('given a journal out of order or with missing files, each fault is reported', async (t) => {
  const entries = [
    { idx: 0, tag: '0000_first', when: 1 },
    { idx: 1, tag: '0001_second', when: 2 },
  ];
  t.strictSame(findJournalFaults({ entries }, ['0000_first.sql', '0001_second.sql']), []);
  t.match(findJournalFaults({ entries: [] }, ['0000_first.sql']), ['0000_first.sql is not in the journal']);
  t.match(findJournalFaults({ entries }, ['0000_first.sql']), ['0001_second.sql is in the journal but']);
  for (const when of [1, 0]) {
    const faults = findJournalFaults(
      { entries: [entries[0], { idx: 1, tag: '0001_second', when }].filter((e) => !!e) },
      ['0000_first.sql', '0001_second.sql'],
    );
    t.match(faults, ['0001_second is not dated after 0000_first']);
  }
});

t.test('the journal of the repository is in order', async (t) => {
  t.strictSame(checkJournal(), []);
});
