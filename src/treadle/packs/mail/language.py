"""Which language a text is in, by its most common little words. Pure; the ai pack asks the same function."""

from collections import Counter

UNKNOWN = "und"
SAMPLE = 800
"""Characters that are looked at."""

STOP_WORDS = {
    "en": "the and you for that with this have from your are will not was would can our please but has been they "
    "there what which about their any could should thanks we is it be of to if or when just like more how an by",
    "de": "der die das und nicht ist ich sie wir mit für auf ein eine einen dem "
    "den des zu im von bei wird werden haben "
    "sind auch noch oder aber wenn wie ihr ihre uns bitte mir dass nach vielen dank kann können gruß grüßen hallo am",
    "fr": "le la les de des et à une est et vous nous pour dans que qui pas avec sur votre "
    "notre ce cette sont je ai mais ou du "
    "au aux plus merci bonjour cordialement être avez avons serait "
    "bien par comme si leur ces ne il elle un en",
    "es": "el la los las de en y que una para con por del se es su sus más pero como está este esta hola gracias "
    "usted nosotros "
    "muy también ya hay sin sobre cuando tiene le lo al si porque desde son fue ser saludos buenos días no nos un",
    "it": "il la lo gli che di e una per con del della non è sono si come più "
    "anche ma nel alla questo questa grazie buongiorno "
    "ci mi ho hai abbiamo avete essere molto quando perché saluti cordiali dei delle dal se un ed al vi le",
    "nl": "het een van en dat niet zijn voor met op te ik je wij we u uw ons "
    "bij ook maar om aan naar als dan wel nog "
    "heeft hebben kunnen graag bedankt groet groeten beste kunt wordt deze dit zou of er is de in",
    "pt": "o a os as de e que uma para com por não se do da dos das em no na é "
    "seu sua mais mas como está este esta olá obrigado "
    "obrigada você nós muito também já há sem sobre quando tem ao são foi ser bom dia pelo pela cumprimentos um",
}
LANGUAGES = tuple(STOP_WORDS)


def _index() -> dict[str, tuple[str, ...]]:
    index: dict[str, tuple[str, ...]] = {}
    for language, words in STOP_WORDS.items():
        for word in words.split():
            index[word] = (*index.get(word, ()), language)
    return index


_SPOKEN_IN = _index()


def detect(text: str) -> str:
    """Name the language (en de fr es it nl pt), or `und` when the text is too short or says too little."""
    words = text[:SAMPLE].lower().split()  # words that touch a comma are not needed
    if len(words) < 4:
        return UNKNOWN
    votes = _votes(words)
    ranked = sorted(LANGUAGES, key=lambda language: -votes[language])
    best, second = votes[ranked[0]], votes[ranked[1]]
    enough = best >= 2 and best >= 0.08 * len(words) and best >= 1.15 * second
    return ranked[0] if enough else UNKNOWN


def _votes(words: list[str]) -> dict[str, float]:
    """Count hits; a word that several languages share counts a part for each."""
    votes = dict.fromkeys(LANGUAGES, 0.0)
    for languages, times in Counter(map(_SPOKEN_IN.get, words)).items():
        for language in languages or ():  # None: no little word of any language
            votes[language] += times / len(languages or ())
    return votes
