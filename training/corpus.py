"""Training text: fortunes, pseudo-sentences of frequent words, announcements, spelled-out numbers.

    python corpus.py            writes corpus/{en,ru}.jsonl, one {"text", "spoken"} a line, shuffled

`text` is what the language model will read, `spoken` what the teacher is given; they differ only where a
Russian sentence holds Latin words, which the Russian teacher cannot read. Numbers are spelled out, because
the plugin normalises text before it tokenizes.
"""
import json
import random
import re
from pathlib import Path

import wordfreq
from num2words import num2words

import workdir

FORTUNES = Path("/usr/share/games/fortunes")
ALLOWED = {
    "en": re.compile(r"[A-Za-z][A-Za-z ,.!?;:'\"()—-]*"),
    "ru": re.compile(r"[А-Яа-яЁё][А-Яа-яЁё ,.!?;:\"()«»—–-]*"),
}
LETTERS = {"en": "abcdefghijklmnopqrstuvwxyz'", "ru": "абвгдежзийклмнопрстуфхцчшщъыьэюяё"}
LONGEST = 320                                   # characters


def fortunes(language: str) -> list[str]:
    folder = FORTUNES / "ru" if language == "ru" else FORTUNES
    sentences = []
    for file in sorted(folder.iterdir()):
        if file.suffix or not file.is_file():
            continue
        text = file.read_text(encoding="utf-8", errors="ignore")
        for cookie in re.split(r"^%\s*$", text, flags=re.M):
            cookie = re.split(r"\n\s+--", cookie)[0]
            cookie = re.sub(r"-\n\s*(?=\w)", "-", cookie).replace("...", ".").replace("…", ".")
            cookie = re.sub(r"\s+", " ", cookie.replace(" - ", " — ").replace("--", "—")).strip()
            parts = [s.strip(' "') for s in re.findall(r"[^.!?]+[.!?]+", cookie)]
            usable = [s for s in parts if ALLOWED[language].fullmatch(s) and 2 <= len(s.split()) <= 40]
            sentences += usable
            # neighbours joined: the model must also speak several sentences in one utterance
            if len(usable) == len(parts) > 1 and len(cookie) <= LONGEST:
                sentences.append(" ".join(usable))
    return [s for s in dict.fromkeys(sentences) if len(s) <= LONGEST and s[0].isupper() and not s.isupper()]


def pseudo_sentences(language: str, count: int, rng: random.Random) -> list[str]:
    """Random frequent words: short utterances, and the words that fortunes lack."""
    words = [w for w in wordfreq.top_n_list(language, 40_000)
             if set(w) <= set(LETTERS[language]) and (len(w) > 2 or wordfreq.zipf_frequency(w, language) > 5.5)]
    flat = len(words)
    sentences = []
    for _ in range(count):
        n = rng.choices([1, 2, 3, 4, 5, 6, 7, 9], [16, 16, 18, 16, 14, 10, 8, 4])[0]
        # squared uniform: frequent words oftener, rare ones still there
        chosen = [words[int(flat * rng.random() ** 2)] for _ in range(n)]
        for i in range(1, n - 1):
            if rng.random() < 0.12:
                chosen[i] += rng.choice([",", ",", ",", ";", " —"])
        sentence = " ".join(chosen) + rng.choices([".", "!", "?"], [7, 2, 2])[0]
        sentences.append(sentence[0].upper() + sentence[1:])
    return sentences


def number_words(language: str, rng: random.Random) -> str:
    n = rng.choice([rng.randrange(30), rng.randrange(100), rng.randrange(1000), rng.randrange(1900, 2060),
                    rng.randrange(1_000_000)])
    form = "ordinal" if rng.random() < 0.2 else "cardinal"
    return num2words(n, lang=language, to=form).replace(" and ", " and ")


CITIES = {
    "ru": "Москва Тверь Казань Самара Пермь Омск Тула Калуга Рязань Воронеж Сочи Владивосток Новосибирск Мурманск "
          "Иркутск Ярославль Кострома Псков Вологда Архангельск Клин Зеленоград Химки Выборг".split(),
    "en": "London Boston Chicago Denver Oxford Cambridge Liverpool Dublin Toronto Sydney Portland Seattle Austin "
          "Manchester Glasgow Bristol Houston Phoenix Dallas Memphis Atlanta Brighton".split(),
}
TEMPLATES = {
    "ru": [
        "Внимание! Поезд номер {n} до станции {c} отправляется через {n} минут.",
        "Внимание, поезд {c} — {c} прибывает на {o} путь.",
        "Скорый поезд до станции {c} отправится в {n} часов {n} минут с {o} платформы.",
        "Уважаемые пассажиры! Посадка на рейс {n} до города {c} заканчивается.",
        "Следующая станция {c}.", "Осторожно, двери закрываются. Следующая станция {c}.",
        "Камера номер {n} не отвечает.", "Температура воздуха {n} градусов.", "Сейчас {n} часов {n} минут.",
        "Обнаружено движение на камере номер {n}.", "Пожалуйста, подойдите к окну номер {n}.",
        "Клиент номер {n}, пройдите в кабинет {n}.", "Ваш заказ номер {n} готов.",
        "Добрый день! Вас приветствует город {c}.", "До станции {c} осталось {n} километров.",
        "Заряд батареи {n} процентов.", "Через {n} метров поверните направо.", "Через {n} метров поверните налево.",
        "Внимание! Проводится проверка системы оповещения.", "Покиньте помещение через ближайший выход.",
    ],
    "en": [
        "Attention please! Train number {n} to {c} departs in {n} minutes.",
        "The train from {c} to {c} is arriving at platform {n}.",
        "Flight {n} to {c} is now boarding at gate {n}.", "Next station, {c}.", "Mind the gap. This is {c}.",
        "Camera number {n} is offline.", "The temperature is {n} degrees.", "The time is {n} {n}.",
        "Motion was detected on camera {n}.", "Please go to counter number {n}.", "Your order number {n} is ready.",
        "Good morning! Welcome to {c}.", "It is {n} miles to {c}.", "The battery is at {n} percent.",
        "Turn left in {n} feet.", "Turn right after {n} meters.", "This is a test of the warning system.",
        "Please leave the building by the nearest exit.", "Hello, this is {c} speaking.",
        "The meeting begins on the {o} at {n}.",
    ],
}


def announcements(language: str, count: int, rng: random.Random) -> list[str]:
    sentences = []
    for _ in range(count):
        text = rng.choice(TEMPLATES[language])
        while "{n}" in text:
            text = text.replace("{n}", number_words(language, rng), 1)
        while "{o}" in text:
            text = text.replace("{o}", num2words(rng.randrange(1, 31), lang=language, to="ordinal"), 1)
        while "{c}" in text:
            text = text.replace("{c}", rng.choice(CITIES[language]), 1)
        sentences.append(text)
        if rng.random() < 0.3:
            digits = ", ".join(number_words(language, rng) for _ in range(rng.randrange(1, 5)))
            sentences.append(digits[0].upper() + digits[1:] + ".")
    return sentences


# Latin words that stand in Russian text, and how a Russian reads them.
LATIN_WORDS = dict(pair.split("=") for pair in """
online=онлайн offline=офлайн email=имейл wifi=вайфай internet=интернет windows=виндоус linux=линукс google=гугл
server=сервер video=видео audio=аудио stream=стрим live=лайв start=старт stop=стоп test=тест update=апдейт
camera=камера online=онлайн router=роутер modem=модем plugin=плагин file=файл folder=фолдер login=логин
password=пассворд error=эррор ok=окей yes=ес no=ноу hello=хэллоу world=уорлд play=плэй pause=пауз record=рекорд
microsoft=майкрософт apple=эпл android=андроид telegram=телеграм youtube=ютуб zoom=зум skype=скайп
samsung=самсунг python=пайтон rust=раст gstreamer=джистример github=гитхаб chat=чат bot=бот smart=смарт
home=хоум office=офис meeting=митинг business=бизнес lounge=лаунж express=экспресс gate=гейт club=клуб
music=мьюзик radio=радио phone=фон mobile=мобайл bluetooth=блютус photo=фото pro=про max=макс mini=мини
premium=премиум standard=стандарт status=статус manager=менеджер service=сервис support=саппорт market=маркет
check=чек transfer=трансфер taxi=такси bus=бас hotel=хотел room=рум park=парк city=сити center=сентр
""".split())
LATIN_LETTERS = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "эй би си ди и эф джи эйч ай джей кей эл эм эн оу пи кью ар эс "
                         "ти ю ви даблъю экс уай зет".split()))
FREQUENT_ACRONYMS = "USB HDMI VPN IP TV PC GPS SMS LED CD DVD HD API CPU GPU RTSP HTTP URL ID PIN SIM".split()


def with_latin_words(sentences: list[str], count: int, rng: random.Random) -> list[dict]:
    """Russian sentences in which one word became a Latin word or an abbreviation."""
    entries = []
    while len(entries) < count:
        words = rng.choice(sentences).split()
        i = rng.randrange(len(words))
        tail = "".join(c for c in words[i] if c in ",.!?")
        if rng.random() < 0.4:
            letters = rng.choice(FREQUENT_ACRONYMS) if rng.random() < 0.5 else "".join(
                rng.choices(list(LATIN_LETTERS), k=rng.randrange(2, 5)))
            shown, spoken = letters, " ".join(LATIN_LETTERS[c] for c in letters)
            if rng.random() < 0.3:
                shown, spoken = shown + "-камера", spoken + " камера"
        else:
            shown = rng.choice(list(LATIN_WORDS))
            spoken = LATIN_WORDS[shown]
            shown = shown.capitalize() if rng.random() < 0.3 else shown
        entries.append({"text": " ".join(words[:i] + [shown + tail] + words[i + 1:]),
                        "spoken": " ".join(words[:i] + [spoken + tail] + words[i + 1:])})
    return entries


def build(language: str) -> list[dict]:
    rng = random.Random(f"corpus {language}")
    natural = fortunes(language)
    made = pseudo_sentences(language, int(len(natural) * 0.75), rng) + announcements(language, 1500, rng)
    entries = [{"text": s, "spoken": s} for s in dict.fromkeys(natural + made)]
    if language == "ru":
        short = [s for s in natural + made if 2 <= len(s.split()) <= 9]
        entries += with_latin_words(short, 2500, rng)
    barred = {simplified(s) for s in workdir.held_out(language)}
    entries = [e for e in entries if simplified(e["text"]) not in barred]
    rng.shuffle(entries)
    return entries


def simplified(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.lower().replace("ё", "е")).strip()


def load(language: str) -> list[dict]:
    return [json.loads(line) for line in workdir.path("corpus", f"{language}.jsonl").read_text().splitlines()]


if __name__ == "__main__":
    for language in ("en", "ru"):
        target = workdir.path("corpus", f"{language}.jsonl")
        if target.exists():
            print(f"{target} exists, kept")
            continue
        entries = build(language)
        lines = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries)
        workdir.write_atomically(target, lambda p: p.write_text(lines))
        print(f"{language}: {len(entries)} utterances, {sum(len(e['text']) for e in entries) / 1e3:.0f} k characters")
