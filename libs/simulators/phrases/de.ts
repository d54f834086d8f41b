import type { Phrases } from './phrases.ts';

export const de: Phrases = {
  concerns: [
    'die Kosten je Ergebnis',
    'die Qualität im Alltag',
    'die Zeit bis zum ersten Ergebnis',
    'das, was Kunden zuerst bemerken',
    'die Arbeitslast im Team',
  ],
  titleTemplates: [
    '{topic}: ein praktischer Leitfaden für das kommende Jahr',
    'Was kaum jemand über „{topic}“ sagt',
    '{topic} richtig angehen, eine Entscheidung nach der anderen',
    '{topic} ohne Rätselraten',
  ],
  introductions: [
    'Wer zehn Menschen nach „{topic}“ fragt, hört zehn verschiedene Meinungen, und die meisten beruhen auf einer einzigen guten oder schlechten Erfahrung. Dieser Text geht einen ruhigeren Weg: Er zeigt, was funktioniert, was es kostet und wo die häufigsten Fehler liegen. Am Ende steht eine kurze Liste, die sich noch in dieser Woche ausprobieren lässt.',
  ],
  sections: [
    {
      heading: 'Warum es sich jetzt lohnt',
      sentences: [
        'Vor fünf Jahren sprachen vor allem Fachleute über „{topic}“, heute prägt das Thema Budgets, Stellenpläne und die Erwartungen der Kunden.',
        'Dahinter stehen drei Entwicklungen: günstigere Werkzeuge, höhere Ansprüche und viel mehr öffentliche Beispiele für gute Arbeit.',
        'Keine davon ist vorübergehend, und deshalb ist Abwarten die einzige Strategie, die sicher nicht funktioniert.',
        'Wer früh begonnen hat, wusste nicht mehr als die anderen, sondern hat nur schneller nachgesehen, was sich ändert.',
        'Einmal in der Woche ging es dort um einen einzigen Punkt: {focus}.',
        'Diese Gewohnheit ist leicht zu übernehmen und kostet fast nichts, bis sie sich auszahlt.',
      ],
    },
    {
      heading: 'Zuerst der Ausgangspunkt',
      sentences: [
        'Schreiben Sie auf, wie es heute aussieht, bevor Sie etwas ändern: mit Zahlen, wo es sie gibt, und sonst mit einfachen Worten.',
        'Das passt auf eine Seite: was Sie ausgeben, was Sie dafür bekommen, wie lange es dauert und wer unzufrieden ist.',
        'Messen Sie nicht alles, denn vier ehrliche Zahlen sind besser als vierzig, denen niemand glaubt.',
        'Achten Sie besonders auf eines: {focus}, denn hier zeigt sich eine Veränderung zuerst.',
        'Zeigen Sie die Seite denen, die die Arbeit machen, und zwei der Zahlen werden noch in derselben Stunde berichtigt.',
        'Notieren Sie das Datum und füllen Sie die Seite nach dreißig Tagen noch einmal aus.',
      ],
    },
    {
      heading: 'Eine Änderung, die zu Ende geführt wird',
      sentences: [
        'Der häufigste Fehler ist es, fünf Verbesserungen auf einmal zu beginnen und sich dann zu streiten, welche davon geholfen hat.',
        'Wählen Sie die Änderung, die sich am leichtesten rückgängig machen lässt, und nicht die, die in der Präsentation am besten aussieht.',
        'Sie braucht einen Verantwortlichen, einen Beginn und einen Tag, an dem entschieden wird, ob sie bleibt.',
        'Halten Sie während des Versuchs jede Überraschung fest, auch die angenehmen, denn sie zeigen, wo die Annahmen falsch waren.',
        'Ist das Ergebnis unklar, dann ist auch das ein Ergebnis: Die Wirkung ist kleiner als erhofft.',
        'Wenn es funktioniert, beschreiben Sie es so kurz, dass jemand Neues ohne Rückfrage damit arbeiten kann.',
      ],
    },
    {
      heading: 'Was es wirklich kostet',
      sentences: [
        'Die Preisliste nennt die Kosten an einem guten Tag, und die eigenen Aufzeichnungen nennen sie an einem gewöhnlichen.',
        'Rechnen Sie die Stunden für Absprachen mit, denn sie sind oft teurer als die Rechnung und stehen nie darauf.',
        'Legen Sie eine Grenze fest, bevor Sie beginnen, und sagen Sie allen, was geschieht, wenn sie erreicht ist.',
        'Das klingt streng, aber mit einer klaren Grenze wird mehr ausprobiert, weil am Monatsende keine böse Überraschung wartet.',
        'Sehen Sie die Zahlen immer am selben Wochentag an, damit auf einen schlechten Verlauf eine Entscheidung folgt und nicht noch eine Sitzung.',
        'So gefundene Ersparnisse sind selten groß, aber sie summieren sich und, was wichtiger ist, sie bleiben.',
      ],
    },
  ],
  checklistItems: [
    'Beschreiben Sie auf einer Seite, wie es um „{topic}“ heute steht, mit Datum.',
    'Wählen Sie eine einzige Änderung, die sich leicht zurücknehmen lässt.',
    'Vereinbaren Sie eine Ausgabengrenze vor dem ersten Versuch.',
    'Prüfen Sie jede Woche zur selben Stunde: {focus}.',
    'Behalten Sie, was funktioniert, und streichen Sie den Rest.',
  ],
  conclusions: [
    'Nichts davon braucht ein großes Budget oder eine neue Abteilung. Es braucht einen Ausgangspunkt, eine Änderung nach der anderen, eine Grenze, die alle kennen, und die Geduld, jede Woche dieselben Zahlen anzusehen. Beginnen Sie mit einer Seite und lassen Sie die Ergebnisse über den nächsten Schritt entscheiden.',
  ],
  findings: [
    'Das Interesse an „{topic}“ wächst stetig, vor allem bei kleineren Betrieben, die schnell entscheiden.',
    'Käufer vergleichen im Schnitt drei Angebote, und am häufigsten zählt für sie eines: {focus}.',
    'Die veröffentlichten Beispiele sind sich einig: Kurze Versuche mit einem Verantwortlichen gelingen öfter als breite Programme.',
    'Die Kosten werden meist um ein Fünftel zu niedrig geschätzt, weil die Zeit für Absprachen im Plan fehlt.',
    'Leser suchen praktische Vergleiche, während die meisten Texte entweder werben oder theoretisch sind.',
  ],
  openQuestions: [
    'Was wissen die Leser über „{topic}“ schon so gut, dass es wegfallen kann?',
    'Gibt es neue Daten aus erster Hand, die nicht schon überall stehen?',
    'Was würde einen skeptischen Leser umstimmen?',
  ],
  linkedinPosts: [
    'Die meisten Ratschläge zu „{topic}“ beginnen mit Werkzeugen. Teams, denen es gelingt, beginnen mit dem Ausgangspunkt.\n\nEine Seite. Vier ehrliche Zahlen. Eine Änderung, die sich leicht zurücknehmen lässt, und ein Tag für die Entscheidung.\n\nDas klingt fast zu einfach, bis man sieht, wie schnell besser wird, was alle sehen.\n\nWelche Zahl würden Sie zuerst auf diese Seite schreiben?',
  ],
  shortPosts: [
    '{topic}: weniger Werkzeuge, mehr Gewohnheiten. Ein Ausgangspunkt, eine Änderung und ein ehrlicher Blick pro Woche.',
    '{topic} in drei Schritten: erst messen, dann eine Sache ändern, und behalten, was funktioniert.',
  ],
  answers: [
    'Kurz gesagt: Bei „{topic}“ kommt der Fortschritt von kleinen, gut beobachteten Schritten und nicht von großen Plänen. Legen Sie fest, was „besser“ heißt, halten Sie fest, wie es heute ist, und ändern Sie eine Sache nach der anderen, damit klar ist, was geholfen hat.',
    'Ein guter Einstieg in „{topic}“ ist es, das, was Sie wissen, von dem zu trennen, was Sie nur annehmen. Schreiben Sie beides auf und prüfen Sie zuerst die Annahme, die am meisten kosten würde, wenn sie falsch ist.',
  ],
  followUps: [
    'In der Praxis würde ich mit einem Punkt beginnen: {focus}. Er ist sichtbar, lässt sich in wenigen Tagen verbessern und wird von allen verstanden. Führen Sie ein kurzes Protokoll, und nach zwei Wochen beantwortet es die meisten Fragen, die jetzt schwierig wirken.',
    'Wenn die Zeit knapp ist, konzentrieren Sie sich auf eine Sache und lassen den Rest, wie er ist. Erweitern lässt sich der Umfang immer, aber ein Vorhaben, das alles auf einmal will, wird meist nicht fertig. Nennen Sie mir Ihre Bedingungen, dann antworte ich genauer.',
  ],
  lines: {
    section: 'Abschnitt',
    part: ', Teil #',
    conclusion: 'Zum Schluss',
    checklist: 'Eine kurze Checkliste',
    researchNotes: 'Notizen: {topic}',
    keyFindings: 'Wichtigste Ergebnisse',
    angle: 'Blickwinkel',
    angleText:
      'Schreiben Sie für Menschen, die sich in diesem Quartal entscheiden müssen. Beginnen Sie mit einer konkreten Lage, dann folgen die Belege und eine Liste für denselben Tag.',
    openQuestions: 'Offene Fragen',
    keywords: 'Suchbegriffe',
    titles: 'Titel',
    metaDescription: 'Meta-Beschreibung',
    opening:
      'Bei „{topic}“ gewinnt, wer mit einer klaren Frage beginnt und eine Sache nach der anderen ändert.',
    closing: 'Beginnen Sie heute mit einer Seite zu diesem Thema und sehen Sie sie in einem Monat wieder an.',
    summary: '{topic}: was funktioniert, was es kostet und wie man beginnt.',
    summaryThisWeek: '{topic}: was funktioniert, was es kostet und wie man diese Woche beginnt.',
    description:
      '{topic} ohne Rätselraten: wo man beginnt, was es kostet und woran man früh sieht, ob es wirkt.',
    scriptTitle: '{topic} in einer Minute',
    hook: '{topic}: noch am Raten? Hier ist, was funktioniert.',
    visual: 'Nahaufnahme, weiches Licht',
    pause: 'Kurze Pause',
    scriptAction: 'Schreiben Sie heute auf, wo Sie stehen.',
    subject: '{topic}: mit einer Seite beginnen',
    preheader: 'Vier ehrliche Zahlen sind besser als vierzig geschätzte.',
    greeting: 'Guten Tag,',
    newsletterAction: 'Antworten Sie mit der einen Zahl, die auf Ihrer Seite stehen soll.',
    goal: 'Leser wählen ihren ersten Schritt: {topic}.',
    altText: 'Ein Schreibtisch am Fenster, es geht um {topic}',
  },
  keywordWords: ['Leitfaden', 'Checkliste', 'Beispiele', 'Fehler', 'Kosten', 'Tipps'],
  clusters: ['Grundlagen', 'Kosten', 'Vergleich'],
  tags: ['#ideen', '#arbeit', '#lernen'],
  ads: {
    promises: [
      'Mit einer Seite beginnen',
      'Erst sehen, was wirkt',
      'Vier Zahlen reichen',
      'Eine Änderung auf einmal',
      'In einem Monat neu prüfen',
      'Eine Checkliste für heute',
      'Vorher wissen, was es kostet',
    ],
    description: '{topic} ohne Rätselraten. {promise}.',
    primary: '{topic}: noch am Raten? {promise} und früh sehen, ob es wirkt.',
    introductory: '{topic}: noch am Raten? {promise} und mit Zahlen entscheiden.',
    text: '{topic}: noch am Raten? {promise}.',
  },
  replies: {
    complaint: [
      'Das tut uns leid, #. Bitte schicken Sie uns Ihre Bestellnummer, dann bringen wir es in Ordnung.',
      'Danke für den Hinweis, #. Das darf nicht passieren. Dürfen wir Ihnen privat schreiben?',
    ],
    other: [
      'Danke, #! Wir finden es heraus und melden uns hier.',
      'Schön, von Ihnen zu hören, #. Welches Modell meinen Sie?',
    ],
  },
};
