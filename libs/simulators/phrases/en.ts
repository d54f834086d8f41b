import type { Phrases } from './phrases.ts';

export const en: Phrases = {
  concerns: [
    'the cost of each result',
    'day-to-day quality',
    'the time to a first result',
    'what customers notice first',
    'the workload of the team',
  ],

  titleTemplates: [
    '{topic}: a practical guide for the year ahead',
    'What nobody tells you about {topic}',
    'Getting {topic} right, one decision at a time',
    '{topic} without the guesswork',
  ],

  introductions: [
    'Ask ten people about {topic} and you will hear ten different opinions, most of them formed by a single good or bad experience. This article takes a calmer route: it looks at what works, what it costs and where people usually go wrong. By the end you will have a short list of things to try this week.',
    'Interest in {topic} has grown faster than the advice around it. Much of what is written is either too general to act on or too narrow to apply to your own case. Here we keep to the middle: the few ideas that hold in most situations, and the questions that tell you when they do not.',
    'There is a moment when work on {topic} stops being a side project and starts to matter to the whole team. That moment rarely comes with a manual. What follows is the manual we would have liked to have, written for people who need results more than theory.',
  ],

  sections: [
    {
      heading: 'Why now is the time for {topic}',
      sentences: [
        'Five years ago few people outside specialist circles discussed {topic}; today the subject shapes budgets, hiring plans and the way customers judge you.',
        'Three forces are behind the change: cheaper tools, higher expectations, and far more public evidence of what good looks like.',
        'None of them is temporary, which is why waiting for things to settle down is the one strategy that reliably fails.',
        'The organisations that moved early did not have better information than everybody else, only shorter feedback loops.',
        'They treated {focus} as something to be observed every week instead of something to be planned once a year.',
        'That habit is easy to copy, and it costs almost nothing until the moment it starts to pay.',
        'Seen this way, the question is no longer whether to begin, but which small part to begin with.',
      ],
    },
    {
      heading: 'Start with a clear baseline',
      sentences: [
        'Before changing anything, write down how things stand today, in numbers wherever you have them and in plain words where you do not.',
        'A baseline for {topic} fits on one page: what you spend, what you get for it, how long it takes and who is unhappy.',
        'Resist the urge to measure everything, because four honest figures beat forty that nobody believes.',
        'Pay particular attention to {focus}, since it tends to move first and tells you early whether a change is working.',
        'Share the page with the people who do the work; they will correct two of your figures within the hour.',
        'Those corrections are not an embarrassment, they are the cheapest research you will ever commission.',
        'Keep the page, date it, and put a reminder in the calendar to fill it in again after thirty days.',
      ],
    },
    {
      heading: 'Choose one change and see it through',
      sentences: [
        'The most common mistake with {topic} is to launch five improvements at once and then argue about which of them helped.',
        'Pick the change that is easiest to undo rather than the one that looks best in a presentation.',
        'Give it an owner, a start date and a date on which you will decide to keep it, adapt it or drop it.',
        'While the trial runs, note every surprise about {focus}, including the pleasant ones, because surprises show where your model is wrong.',
        'If the result is unclear, that is a result too: the effect is smaller than you hoped and something else deserves your time.',
        'When it does work, write a short description that a newcomer could follow without asking you a single question.',
        'Only then move to the next change, carrying over what you learned instead of starting again from opinion.',
      ],
    },
    {
      heading: 'What it really costs',
      sentences: [
        'Price lists tell you the cost of {topic} on a good day; your own records tell you the cost on an ordinary one.',
        'Include the hours spent on coordination, because they are usually larger than the invoice and never appear on it.',
        'A simple rule helps here: if a cost cannot be tied to {focus} or to a named goal, it is a candidate for removal.',
        'Set a limit before you start, agree what happens when it is reached, and make the agreement visible to everyone involved.',
        'Limits sound restrictive, yet teams with a clear ceiling experiment more, since nobody fears an unpleasant surprise at the end of the month.',
        'Review the figures at a fixed time each week so that a bad trend is met with a decision rather than a meeting.',
        'Savings found this way are rarely dramatic, but they add up and, more to the point, they stay.',
      ],
    },
    {
      heading: 'Common pitfalls and how to avoid them',
      sentences: [
        'The first pitfall is copying somebody else’s answer to {topic} without copying the circumstances that made it work.',
        'The second is confusing activity with progress: a full calendar says nothing about whether {focus} has improved.',
        'A third, quieter one is letting the loudest customer define the problem for all the others.',
        'Each of these has the same remedy, which is to state in advance what you expect to see and by when.',
        'Expectations written down in advance are hard to bend afterwards, and that is precisely their value.',
        'It also helps to invite one person from outside the project to ask naive questions once a fortnight.',
        'If their questions make you impatient, you have probably found the part that deserves another look.',
      ],
    },
    {
      heading: 'Making it last',
      sentences: [
        'Early success with {topic} is pleasant; keeping it once attention has moved elsewhere is the harder half of the work.',
        'Good routines survive because they are smaller than the effort of avoiding them.',
        'Turn each lesson into a default: a template, a checklist of three lines, or a setting that is right unless someone changes it.',
        'Let new colleagues try the routine unaided, watch where they hesitate, and fix those places before writing any more documentation.',
        'Celebrate the moments when {focus} held up under pressure, not just the moments when a target was met.',
        'Once a quarter, delete one rule that no longer earns its keep, so that the rest continue to be taken seriously.',
        'What remains after a year of this is modest in size and remarkably hard for competitors to imitate.',
      ],
    },
  ],

  checklistItems: [
    'Write a one-page baseline for {topic} and date it.',
    'Choose a single change that is easy to undo.',
    'Agree on a spending limit before the first experiment.',
    'Look at {focus} at the same hour every week.',
    'Keep what works as a default, and delete what does not.',
  ],

  conclusions: [
    'None of this requires a large budget or a new department. It asks for a baseline, one change at a time, a limit that everyone knows and the patience to look at the same figures every week. Start small, stay curious, and let the evidence decide how far to take {topic} in your own case.',
    'Progress with {topic} seldom looks impressive from one day to the next. Over a season it does, provided that each step is measured and the lessons are kept. Take the checklist above, pick the line that made you slightly uncomfortable, and begin there.',
  ],

  findings: [
    'Demand around {topic} is growing steadily, with most of the growth coming from smaller buyers who decide quickly.',
    'Buyers compare three options on average; clarity about {focus} is named more often than price as the deciding factor.',
    'Published case studies agree on one point: short trials with a named owner succeed far more often than broad programmes.',
    'Costs are usually underestimated by a fifth, mainly because coordination time is left out of the plan.',
    'Readers search for practical comparisons and checklists, while most existing material is either promotional or academic.',
    'The strongest counter-argument is that results with {topic} come late; pieces that address it openly are shared more.',
    'Terminology is unsettled, so a short glossary early in the text will save readers from guessing.',
  ],

  openQuestions: [
    'Which part of {topic} do readers already handle well, so that we can skip it?',
    'Is there recent first-hand data about {focus} that has not been quoted everywhere?',
    'What would make a sceptical reader change their mind?',
  ],

  linkedinPosts: [
    'Most advice on {topic} starts with tools. The teams who get it right start with a baseline.\n\nOne page. Four honest numbers. A change that is easy to undo, and a date to decide.\n\nIt sounds almost too simple, until you see how quickly {focus} improves once people can see it.\n\nWhat is the one figure you would put on that page?',
    'We spent a long time overthinking {topic}. Then we tried something unfashionable: one change, one owner, thirty days.\n\nThree lessons stayed with us:\n→ Measure before you argue.\n→ Set the limit before you spend.\n→ Keep what works as the default.\n\nWhich of the three is hardest where you are?',
  ],

  shortPosts: [
    'Getting {topic} right is less about tools than habits: one baseline, one change, one honest look every week.',
    '{topic} in three steps: measure first, change one thing, keep what works. The rest is noise.',
  ],

  answers: [
    'The short version: progress with {topic} comes from small, well-observed steps, not from grand plans. Decide what “better” would look like, note where you stand today, and change one thing at a time so that you can tell what helped.',
    'A good way into {topic} is to separate what you know from what you assume. Write both down, test the assumption that would hurt most if it were wrong, and let the result choose your next step.',
    'With {topic}, the first useful question is who needs the result and by when. Once that is settled, most options rule themselves out, and the two or three that remain can be compared on a single page.',
  ],

  followUps: [
    'In practice I would begin with {focus}: it is visible, it can be improved within days, and it gives everyone involved a shared picture. Keep a brief log while you go; after two weeks it will answer most of the questions that seem difficult now.',
    'If time is short, concentrate on {focus} and leave the rest as it is. You can always widen the scope later, whereas a project that tries to do everything at once tends to finish nothing. Tell me a little about your constraints and I can make this more specific.',
    'Two things are worth watching: how {focus} develops from week to week, and how much effort the routine takes. If the first improves while the second stays flat, you are on the right path; if not, simplify before you add anything.',
  ],
  lines: {
    section: 'Section',
    part: ', part #',
    conclusion: 'Conclusion',
    checklist: 'A short checklist',
    researchNotes: 'Research notes: {topic}',
    keyFindings: 'Key findings',
    angle: 'Angle',
    angleText:
      'Write for people who must decide about {topic} this quarter. Lead with a concrete situation, then give the evidence, then a checklist they can use the same day.',
    openQuestions: 'Open questions',
    keywords: 'Keywords',
    titles: 'Titles',
    metaDescription: 'Meta description',
    opening: '{topic} rewards those who begin with a clear question and change one thing at a time.',
    closing: 'Begin with one page about {topic} today, and look at it again in a month.',
    summary: '{topic}: what works, what it costs, and how to begin.',
    summaryThisWeek: '{topic}: what works, what it costs, and how to begin this week.',
    description:
      '{topic}, explained without guesswork: where to begin, what it costs, and how to see early whether it works.',
    scriptTitle: '{topic} in a minute',
    hook: 'Still guessing about {topic}? Here is what works.',
    visual: 'Close-up, soft light',
    pause: 'Short pause',
    scriptAction: 'Write down where you stand with {topic} today.',
    subject: '{topic}: begin with one page',
    preheader: 'Four honest figures beat forty rough ones.',
    greeting: 'Hello,',
    newsletterAction: 'Reply with the one figure about {topic} that you would put on that page.',
    goal: 'Readers choose a first step in {topic}.',
    altText: 'A desk by a window with {topic}',
  },
  keywordWords: ['guide', 'checklist', 'examples', 'mistakes', 'cost', 'tips'],
  clusters: ['basics', 'costs', 'comparison'],
  tags: ['#ideas', '#work', '#learning'],
  ads: {
    promises: [
      'Begin with one page',
      'See what works first',
      'Four figures are enough',
      'Change one thing at a time',
      'Look again in a month',
      'A checklist for today',
      'Know before you spend',
    ],
    description: '{topic}, explained without guesswork. {promise}.',
    primary: '{topic}: still guessing? {promise}, and see early whether it works.',
    introductory: '{topic}: still guessing at work? {promise}, and decide with figures.',
    text: '{topic}: still guessing? {promise}.',
  },
  replies: {
    complaint: [
      'We are sorry, #. Please send us your order number, and we will put it right.',
      'Thank you for telling us, #. This should not happen. May we write to you in private?',
    ],
    other: [
      'Thank you, #! We will find out and reply here.',
      'Good to hear from you, #. May we ask which one you mean?',
      'Thanks for writing, #! More from us today.',
    ],
  },
};
