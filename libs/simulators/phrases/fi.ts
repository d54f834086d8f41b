import type { Phrases } from './phrases.ts';

export const fi: Phrases = {
  concerns: [
    'yhden tuloksen hinta',
    'arjen laatu',
    'aika ensimmäiseen tulokseen',
    'se, minkä asiakkaat huomaavat ensin',
    'tiimin työmäärä',
  ],
  titleTemplates: [
    '{topic}: käytännön opas tulevalle vuodelle',
    'Mitä aiheesta ”{topic}” ei yleensä kerrota',
    '{topic} vaihe vaiheelta, yksi päätös kerrallaan',
    '{topic} ilman arvailua',
  ],
  introductions: [
    'Kysy kymmeneltä ihmiseltä aiheesta ”{topic}”, niin kuulet kymmenen eri mielipidettä, ja useimpien takana on yksi ainoa hyvä tai huono kokemus. Tämä teksti etenee rauhallisemmin: se kertoo, mikä toimii, mitä se maksaa ja missä on helppo erehtyä. Lopussa on lyhyt lista asioista, joita voi kokeilla jo tällä viikolla.',
  ],
  sections: [
    {
      heading: 'Miksi juuri nyt',
      sentences: [
        'Viisi vuotta sitten aiheesta ”{topic}” puhuivat lähinnä asiantuntijat, mutta nyt se näkyy budjeteissa, rekrytoinneissa ja asiakkaiden odotuksissa.',
        'Muutoksen takana on kolme syytä: halvemmat työkalut, kovemmat vaatimukset ja paljon enemmän julkisia esimerkkejä hyvästä työstä.',
        'Mikään niistä ei ole ohimenevä, ja siksi odottaminen on ainoa tapa, joka ei varmasti toimi.',
        'Ne, jotka aloittivat varhain, eivät tienneet enemmän kuin muut, mutta he katsoivat nopeammin, mikä oli muuttunut.',
        'Kerran viikossa he tarkistivat yhden asian, ja se oli {focus}.',
        'Tapa on helppo omaksua, eikä se maksa juuri mitään ennen kuin se alkaa tuottaa.',
      ],
    },
    {
      heading: 'Ensin lähtötilanne',
      sentences: [
        'Ennen kuin muutat mitään, kirjoita ylös, miten asiat ovat nyt: numeroina, jos niitä on, ja muuten tavallisin sanoin.',
        'Kaikki mahtuu yhdelle sivulle: mitä käytät, mitä saat sillä, kuinka kauan se kestää ja kuka ei ole tyytyväinen.',
        'Älä mittaa kaikkea, sillä neljä rehellistä lukua on parempi kuin neljäkymmentä, joihin kukaan ei usko.',
        'Seuraa erityisesti yhtä, ja se on {focus}, koska se yleensä muuttuu ensin.',
        'Näytä sivu niille, jotka tekevät työn, niin he korjaavat kaksi lukua jo ensimmäisen tunnin aikana.',
        'Merkitse päivämäärä ja täytä sivu uudelleen, kun on kulunut kolmekymmentä päivää.',
      ],
    },
    {
      heading: 'Yksi muutos loppuun asti',
      sentences: [
        'Tavallisin virhe on aloittaa viisi parannusta yhtä aikaa ja väitellä sitten, mikä niistä auttoi.',
        'Valitse muutos, joka on helpoin perua, eikä sitä, joka näyttää esityksessä parhaalta.',
        'Sillä on oltava vastuuhenkilö, alkamispäivä ja päivä, jona päätetään, jääkö se käyttöön.',
        'Kirjaa kokeilun aikana jokainen yllätys, myös mukavat, koska ne näyttävät, missä oletus oli väärä.',
        'Jos tulos on epäselvä, sekin on tulos: vaikutus on pienempi kuin toivottiin.',
        'Kun muutos toimii, kuvaa se niin lyhyesti, että uusi työntekijä pärjää ilman yhtään kysymystä.',
      ],
    },
    {
      heading: 'Mitä se oikeasti maksaa',
      sentences: [
        'Hinnasto kertoo kustannuksen hyvänä päivänä, mutta omat muistiinpanot kertovat sen tavallisena päivänä.',
        'Laske mukaan myös sopimiseen kuluvat tunnit, sillä ne ovat usein laskua suuremmat eivätkä näy siinä koskaan.',
        'Sovi raja ennen kuin aloitat, ja kerro kaikille, mitä tapahtuu, kun se tulee vastaan.',
        'Se kuulostaa tiukalta, mutta selvä raja rohkaisee kokeilemaan, koska kuun lopussa ei odota ikävä yllätys.',
        'Katso luvut aina samana päivänä, jotta huono suunta johtaa päätökseen eikä uuteen kokoukseen.',
        'Näin löytyvät säästöt ovat pieniä, mutta ne kertyvät ja ennen kaikkea ne pysyvät.',
      ],
    },
  ],
  checklistItems: [
    'Kuvaa yhdellä sivulla, missä aihe ”{topic}” on nyt, ja merkitse päivämäärä.',
    'Valitse yksi muutos, joka on helppo perua.',
    'Sovi kulujen yläraja ennen ensimmäistä kokeilua.',
    'Tarkista joka viikko samaan aikaan {focus}.',
    'Pidä se, mikä toimii, ja poista muu.',
  ],
  conclusions: [
    'Mikään tästä ei vaadi suurta budjettia eikä uutta osastoa. Tarvitaan lähtötilanne, yksi muutos kerrallaan, raja, jonka kaikki tietävät, ja malttia katsoa samoja lukuja joka viikko. Aloita yhdestä sivusta ja anna tulosten päättää, mitä sen jälkeen tehdään.',
  ],
  findings: [
    'Kiinnostus aiheeseen ”{topic}” kasvaa tasaisesti, ja eniten se kasvaa pienissä yrityksissä, jotka päättävät nopeasti.',
    'Ostajat vertaavat keskimäärin kolmea vaihtoehtoa, ja tärkein peruste on {focus}.',
    'Julkaistut esimerkit ovat yhtä mieltä: lyhyt kokeilu, jolla on vastuuhenkilö, onnistuu useammin kuin laaja ohjelma.',
    'Kustannukset arvioidaan yleensä viidenneksen liian pieniksi, koska sopimiseen kuluva aika puuttuu suunnitelmasta.',
    'Lukijat etsivät käytännön vertailuja, mutta useimmat tekstit ovat mainoksia tai teoriaa.',
  ],
  openQuestions: [
    'Minkä osan aiheesta ”{topic}” lukijat tuntevat jo niin hyvin, että sen voi jättää pois?',
    'Onko uutta tietoa, jota ei ole vielä lainattu kaikkialla?',
    'Mikä saisi epäilevän lukijan muuttamaan mieltään?',
  ],
  linkedinPosts: [
    'Useimmat neuvot aiheesta ”{topic}” alkavat työkaluista. Onnistuvat tiimit aloittavat lähtötilanteesta.\n\nYksi sivu. Neljä rehellistä lukua. Muutos, joka on helppo perua, ja päivä, jona päätetään.\n\nSe kuulostaa liian yksinkertaiselta, kunnes näkee, kuinka nopeasti paranee se, minkä kaikki näkevät.\n\nMinkä luvun kirjoittaisit sivulle ensimmäisenä?',
  ],
  shortPosts: [
    '{topic}: vähemmän työkaluja, enemmän tapoja. Yksi lähtötilanne, yksi muutos ja yksi rehellinen katse viikossa.',
    '{topic} kolmessa vaiheessa: mittaa ensin, muuta yksi asia ja pidä se, mikä toimii.',
  ],
  answers: [
    'Lyhyesti: aiheessa ”{topic}” edetään pienin ja tarkkaan seuratuin askelin eikä suurilla suunnitelmilla. Päätä, mitä ”parempi” tarkoittaa, kirjaa nykytilanne ja muuta yksi asia kerrallaan, niin tiedät, mikä auttoi.',
    'Hyvä tapa aloittaa ”{topic}” on erottaa se, mitä tiedät, siitä, mitä vain oletat. Kirjoita molemmat ylös, tarkista ensin oletus, joka maksaisi eniten, jos se on väärä, ja valitse vasta sitten seuraava askel.',
  ],
  followUps: [
    'Käytännössä aloittaisin yhdestä asiasta, ja se on {focus}. Se näkyy heti, sitä voi parantaa muutamassa päivässä ja kaikki ymmärtävät sen. Pidä lyhyttä päiväkirjaa, niin kahden viikon kuluttua se vastaa useimpiin kysymyksiin, jotka nyt tuntuvat vaikeilta.',
    'Jos aikaa on vähän, keskity yhteen asiaan ja jätä muut ennalleen. Laajentaa voi aina, mutta hanke, joka haluaa kaiken kerralla, ei yleensä valmistu. Kerro rajoituksista, niin vastaan tarkemmin.',
  ],
  lines: {
    section: 'Osa',
    part: ', osa #',
    conclusion: 'Lopuksi',
    checklist: 'Lyhyt tarkistuslista',
    researchNotes: 'Muistiinpanot: {topic}',
    keyFindings: 'Tärkeimmät havainnot',
    angle: 'Näkökulma',
    angleText:
      'Kirjoita niille, joiden on päätettävä tämän neljänneksen aikana. Aloita todellisesta tilanteesta, kerro sitten näyttö ja lopuksi lista samalle päivälle.',
    openQuestions: 'Avoimet kysymykset',
    keywords: 'Avainsanat',
    titles: 'Otsikot',
    metaDescription: 'Metakuvaus',
    opening:
      'Aiheessa ”{topic}” pääsee pitkälle se, joka aloittaa selvästä kysymyksestä ja muuttaa yhden asian kerrallaan.',
    closing: 'Aloita tänään yhdestä sivusta ja katso sitä uudelleen kuukauden kuluttua.',
    summary: '{topic}: mikä toimii, mitä se maksaa ja miten aloittaa.',
    summaryThisWeek: '{topic}: mikä toimii, mitä se maksaa ja miten aloittaa tällä viikolla.',
    description:
      '{topic} ilman arvailua: mistä aloittaa, mitä se maksaa ja mistä näkee ajoissa, toimiiko se.',
    scriptTitle: '{topic} minuutissa',
    hook: '{topic}: vieläkö arvailet? Tämä toimii.',
    visual: 'Lähikuva, pehmeä valo',
    pause: 'Lyhyt tauko',
    scriptAction: 'Kirjoita tänään ylös, missä olet nyt.',
    subject: '{topic}: aloita yhdestä sivusta',
    preheader: 'Neljä rehellistä lukua on parempi kuin neljäkymmentä arvausta.',
    greeting: 'Hei,',
    newsletterAction: 'Vastaa ja kerro, minkä luvun kirjoittaisit sivulle.',
    goal: 'Lukijat valitsevat ensimmäisen askeleen: {topic}.',
    altText: 'Kirjoituspöytä ikkunan ääressä, aiheena {topic}',
  },
  keywordWords: ['opas', 'tarkistuslista', 'esimerkit', 'virheet', 'hinta', 'vinkit'],
  clusters: ['perusteet', 'kustannukset', 'vertailu'],
  tags: ['#ideat', '#työ', '#oppiminen'],
  ads: {
    promises: [
      'Aloita yhdestä sivusta',
      'Katso ensin, mikä toimii',
      'Neljä lukua riittää',
      'Yksi muutos kerrallaan',
      'Tarkista kuukauden päästä',
      'Lista tälle päivälle',
      'Tiedä hinta ennen alkua',
    ],
    description: '{topic} ilman arvailua. {promise}.',
    primary: '{topic}: vieläkö arvailet? {promise} ja näe pian, toimiiko se.',
    introductory: '{topic}: vieläkö arvailet töissä? {promise} ja päätä lukujen perusteella.',
    text: '{topic}: vieläkö arvailet? {promise}.',
  },
  replies: {
    complaint: [
      'Olemme pahoillamme, #. Lähetä meille tilausnumerosi, niin korjaamme asian.',
      'Kiitos viestistä, #. Näin ei pitäisi käydä. Voimmeko kirjoittaa sinulle yksityisesti?',
    ],
    other: ['Kiitos, #! Selvitämme asian ja vastaamme tässä.', 'Mukava kuulla, #. Mitä mallia tarkoitat?'],
  },
};
