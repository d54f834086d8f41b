import type { Phrases } from './phrases.ts';

export const fr: Phrases = {
  concerns: [
    'le coût de chaque résultat',
    'la qualité au quotidien',
    'le délai avant le premier résultat',
    'ce que les clients remarquent d’abord',
    'la charge de travail de l’équipe',
  ],
  titleTemplates: [
    '{topic} : un guide pratique pour l’année à venir',
    'Ce que personne ne dit sur « {topic} »',
    '{topic} pas à pas, une décision à la fois',
    '{topic} sans tâtonner',
  ],
  introductions: [
    'Interrogez dix personnes sur « {topic} » et vous entendrez dix avis différents, presque tous nés d’une seule bonne ou mauvaise expérience. Cet article suit un chemin plus calme : il montre ce qui marche, ce que cela coûte et où l’on se trompe le plus souvent. À la fin, vous aurez une courte liste de choses à essayer dès cette semaine.',
  ],
  sections: [
    {
      heading: 'Pourquoi s’y mettre maintenant',
      sentences: [
        'Il y a cinq ans, seuls les spécialistes parlaient de « {topic} » ; aujourd’hui, le sujet pèse sur les budgets, les recrutements et les attentes des clients.',
        'Trois raisons expliquent ce changement : des outils moins chers, des exigences plus hautes et bien plus d’exemples publics de travail réussi.',
        'Aucune n’est passagère, et c’est pour cela qu’attendre est la seule stratégie qui échoue à coup sûr.',
        'Les entreprises qui ont commencé tôt n’étaient pas mieux informées, mais elles regardaient plus vite ce qui changeait.',
        'Chaque semaine, elles observaient une seule chose : {focus}.',
        'Cette habitude est facile à reprendre et ne coûte presque rien jusqu’au moment où elle rapporte.',
      ],
    },
    {
      heading: 'D’abord, le point de départ',
      sentences: [
        'Avant de changer quoi que ce soit, écrivez où vous en êtes : avec des chiffres quand vous en avez, et avec des mots simples sinon.',
        'Tout tient sur une page : ce que vous dépensez, ce que vous obtenez, le temps que cela prend et qui n’est pas satisfait.',
        'Ne mesurez pas tout, car quatre chiffres honnêtes valent mieux que quarante auxquels personne ne croit.',
        'Surveillez surtout ceci : {focus}, car c’est ce qui bouge en premier.',
        'Montrez la page aux personnes qui font le travail, et deux de vos chiffres seront corrigés dans l’heure.',
        'Notez la date et remplissez la page une nouvelle fois dans trente jours.',
      ],
    },
    {
      heading: 'Un seul changement, mené jusqu’au bout',
      sentences: [
        'L’erreur la plus courante est de lancer cinq améliorations à la fois, puis de débattre de celle qui a aidé.',
        'Choisissez le changement qui est le plus facile à annuler, et non celui qui est le plus beau dans une présentation.',
        'Donnez-lui un responsable, une date de début et un jour pour décider de le garder, de l’adapter ou de l’abandonner.',
        'Pendant l’essai, notez chaque surprise, même agréable, car elle montre où les hypothèses étaient fausses.',
        'Si le résultat n’est pas clair, c’est aussi un résultat : l’effet est plus petit que prévu.',
        'Quand cela marche, décrivez-le si brièvement qu’une personne nouvelle peut le suivre sans poser de question.',
      ],
    },
    {
      heading: 'Ce que cela coûte vraiment',
      sentences: [
        'Le tarif donne le coût d’une bonne journée, et vos propres notes donnent celui d’une journée ordinaire.',
        'Comptez les heures passées à vous coordonner, car elles dépassent souvent la facture et n’y figurent jamais.',
        'Fixez une limite avant de commencer et dites à tous ce qui se passera quand elle sera atteinte.',
        'Cela paraît strict, mais les équipes qui ont une limite claire essaient davantage, car la fin du mois ne leur réserve pas de mauvaise surprise.',
        'Regardez les chiffres toujours le même jour, pour qu’une mauvaise tendance mène à une décision et pas à une réunion de plus.',
        'Les économies ainsi trouvées sont rarement grandes, mais elles s’additionnent et, surtout, elles restent.',
      ],
    },
  ],
  checklistItems: [
    'Décrivez sur une page où vous en êtes avec « {topic} », et datez-la.',
    'Choisissez un seul changement qui est facile à annuler.',
    'Fixez une limite de dépenses avant le premier essai.',
    'Regardez chaque semaine à la même heure : {focus}.',
    'Gardez ce qui marche et supprimez le reste.',
  ],
  conclusions: [
    'Rien de tout cela ne demande un gros budget ni un nouveau service. Il faut un point de départ, un changement à la fois, une limite que tous connaissent et la patience de regarder les mêmes chiffres chaque semaine. Commencez par une page et laissez les résultats décider de la suite.',
  ],
  findings: [
    'L’intérêt pour « {topic} » grandit sans cesse, surtout dans les petites entreprises qui décident vite.',
    'Les acheteurs comparent trois offres en moyenne, et un point compte plus que les autres : {focus}.',
    'Les cas publiés sont d’accord : les essais courts avec un responsable réussissent plus souvent que les grands programmes.',
    'Les coûts sont presque toujours sous-estimés d’un cinquième, car le plan oublie le temps de coordination.',
    'Les lecteurs cherchent des comparaisons pratiques, alors que la plupart des textes sont publicitaires ou théoriques.',
  ],
  openQuestions: [
    'Que savent déjà les lecteurs sur « {topic} », que l’on peut laisser de côté ?',
    'Y a-t-il des données récentes de première main qui ne sont pas déjà citées partout ?',
    'Qu’est-ce qui ferait changer d’avis un lecteur sceptique ?',
  ],
  linkedinPosts: [
    'La plupart des conseils sur « {topic} » commencent par les outils. Les équipes qui réussissent commencent par le point de départ.\n\nUne page. Quatre chiffres honnêtes. Un changement facile à annuler et un jour pour décider.\n\nCela paraît trop simple, jusqu’à ce que l’on voie à quelle vitesse s’améliore ce que tout le monde peut voir.\n\nQuel chiffre mettriez-vous en premier sur cette page ?',
  ],
  shortPosts: [
    '{topic} : moins d’outils, plus d’habitudes. Un point de départ, un changement et un regard honnête par semaine.',
    '{topic} en trois étapes : mesurer, changer une seule chose et garder ce qui marche. Le reste est du bruit.',
  ],
  answers: [
    'En bref : pour « {topic} », on avance par de petits pas bien observés et non par de grands plans. Décidez ce que « mieux » veut dire, notez où vous en êtes et changez une seule chose à la fois, pour savoir ce qui a aidé.',
    'Une bonne façon d’aborder « {topic} » est de séparer ce que vous savez de ce que vous supposez. Écrivez les deux, vérifiez d’abord l’hypothèse qui coûterait le plus si elle était fausse, puis choisissez la suite.',
  ],
  followUps: [
    'En pratique, je commencerais par un point : {focus}. Il est visible, il peut être amélioré en quelques jours et tout le monde le comprend. Tenez un court journal, et dans deux semaines il répondra à la plupart des questions qui semblent difficiles.',
    'Si le temps manque, concentrez-vous sur une seule chose et laissez le reste comme il est. On peut toujours élargir, mais un projet qui veut tout faire à la fois ne finit souvent rien. Dites-moi vos contraintes et je serai plus précis.',
  ],
  lines: {
    section: 'Section',
    part: ', partie #',
    conclusion: 'Pour conclure',
    checklist: 'Une courte liste',
    researchNotes: 'Notes : {topic}',
    keyFindings: 'Points principaux',
    angle: 'Angle',
    angleText:
      'Écrivez pour ceux qui doivent décider ce trimestre. Commencez par une situation concrète, donnez ensuite les preuves, puis une liste à utiliser le jour même.',
    openQuestions: 'Questions ouvertes',
    keywords: 'Mots-clés',
    titles: 'Titres',
    metaDescription: 'Méta-description',
    opening:
      'Avec « {topic} », celui qui part d’une question claire et change une seule chose à la fois va plus loin.',
    closing: 'Commencez aujourd’hui par une page sur ce sujet et relisez-la dans un mois.',
    summary: '{topic} : ce qui marche, ce que cela coûte et par où commencer.',
    summaryThisWeek: '{topic} : ce qui marche, ce que cela coûte et par où commencer cette semaine.',
    description:
      '{topic} sans tâtonner : par où commencer, combien cela coûte et comment voir tôt si cela marche.',
    scriptTitle: '{topic} en une minute',
    hook: '{topic} : toujours à tâtons ? Voici ce qui marche.',
    visual: 'Gros plan, lumière douce',
    pause: 'Courte pause',
    scriptAction: 'Écrivez aujourd’hui où vous en êtes.',
    subject: '{topic} : commencez par une page',
    preheader: 'Quatre chiffres honnêtes valent mieux que quarante approximations.',
    greeting: 'Bonjour,',
    newsletterAction: 'Répondez avec le chiffre que vous mettriez sur cette page.',
    goal: 'Les lecteurs choisissent une première étape : {topic}.',
    altText: 'Un bureau près d’une fenêtre, avec {topic}',
  },
  keywordWords: ['guide', 'liste', 'exemples', 'erreurs', 'coût', 'conseils'],
  clusters: ['bases', 'coûts', 'comparaison'],
  tags: ['#idées', '#travail', '#apprendre'],
  ads: {
    promises: [
      'Commencez par une page',
      'Voyez d’abord ce qui marche',
      'Quatre chiffres suffisent',
      'Un seul changement à la fois',
      'Revoyez-le dans un mois',
      'Une liste pour aujourd’hui',
      'Connaissez le coût avant',
    ],
    description: '{topic} sans tâtonner. {promise}.',
    primary: '{topic} : toujours à tâtons ? {promise} et voyez vite si cela marche.',
    introductory: '{topic} : toujours à tâtons ? {promise} et décidez avec des chiffres.',
    text: '{topic} : toujours à tâtons ? {promise}.',
  },
  replies: {
    complaint: [
      'Nous sommes désolés, #. Envoyez-nous votre numéro de commande et nous trouverons une solution.',
    ],
    other: ['Merci, # ! Nous nous renseignons et vous répondons ici.'],
  },
};
