//! Nouns of action, whose object stands in the genitive: *от продажи пятидесяти акций*, *об отмене десяти рейсов*.

use super::{
    super::{figures::Figure, reader::Reader},
    Russian, context,
    nouns::{Noun, senses},
    numerals::Case,
    units,
};

/// A word that governs the genitive of a number as a noun of action does.
pub(super) const GOVERNING: &str = "количестве";

/// Stems of actions of the first declension.
const FEMININE: &[&str] = &[
    "продаж",
    "покупк",
    "отмен",
    "выдач",
    "замен",
    "проверк",
    "отправк",
    "доставк",
    "утрат",
    "оплат",
    "уплат",
    "потер",
    "постройк",
    "установк",
    "перевозк",
    "погрузк",
    "разгрузк",
    "выгрузк",
    "посадк",
    "вырубк",
    "починк",
    "уборк",
    "сдач",
    "передач",
    "краж",
    "растрат",
    "поставк",
    "закупк",
    "аренд",
    "очистк",
    "подготовк",
    "обработк",
    "переработк",
    "поломк",
    "покраск",
    "высадк",
    "блокировк",
    "сортировк",
    "чистк",
    "мойк",
    "выплат",
    "поимк",
    "рассылк",
    "загрузк",
    "сборк",
    "разборк",
    "прокладк",
    "подач",
    "задержк",
    "перестройк",
    "раздач",
];

/// Actions of the second declension.
const MASCULINE: &[&str] = &[
    "ремонт",
    "осмотр",
    "перевод",
    "перенос",
    "вывоз",
    "ввоз",
    "подсчёт",
    "подсчет",
    "обмен",
    "выкуп",
    "монтаж",
    "демонтаж",
    "снос",
    "угон",
    "арест",
    "запуск",
    "показ",
    "приём",
    "прием",
    "отзыв",
    "возврат",
    "расчёт",
    "расчет",
];

/// Stems of things, not of actions, that end as actions do.
const THINGS: &[&str] = &[
    "учрежден",
    "отделен",
    "здан",
    "помещен",
    "предприят",
    "населен",
    "поселен",
    "управлен",
    "заведен",
    "объединен",
    "правлен",
    "строен",
    "задан",
    "занят",
    "издан",
    "расписан",
    "мероприят",
    "упражнен",
    "решен",
    "конференц",
    "полиц",
    "традиц",
    "функц",
    "экспозиц",
    "организац",
    "делегац",
    "экспедиц",
    "напряжен",
    "давлен",
    "расстоян",
    "опоздан",
    "отклонен",
    "ожидан",
    "значен",
    "показан",
    "растен",
    "имен",
    "событ",
    "отличи",
    "расположен",
    "соревнован",
    "заболеван",
    "условие",
    "совещан",
    "заседан",
    "собран",
    "выступлен",
    "голосован",
    "объявлен",
    "сообщен",
];

/// Stems of actions that end in *-ие* and *-ия*, before these letters.
const OTHERS: &[&str] = &[
    "получен",
    "прибыт",
    "закрыт",
    "открыт",
    "отправлен",
    "приобретен",
    "создан",
    "изготовлен",
    "строительств",
    "производств",
    "введен",
    "проведен",
    "посещен",
    "выполнен",
    "прохожден",
    "удален",
    "добавлен",
    "нарушен",
    "увольнен",
    "задержан",
    "спасен",
    "рассмотрен",
    "внесен",
    "перечислен",
    "списан",
    "взыскан",
    "хищен",
    "погашен",
    "начислен",
    "снят",
    "принят",
    "изъят",
    "уничтожен",
    "обнаружен",
    "восстановлен",
    "размещен",
    "распределен",
    "эвакуац",
    "регистрац",
    "реализац",
    "госпитализац",
    "ликвидац",
    "конфискац",
    "компенсац",
    "завершен",
    "окончан",
    "написан",
    "чтен",
    "прочтен",
    "прослушиван",
    "накоплен",
    "обслуживан",
    "сокращен",
    "заполнен",
    "утилизац",
    "публикац",
    "модернизац",
    "реконструкц",
    "убийств",
];

/// Stems of those whose object is a sum of money.
const OF_MONEY: &[&str] = &[
    "утрат",
    "оплат",
    "уплат",
    "потер",
    "выдач",
    "передач",
    "краж",
    "растрат",
    "получен",
    "внесен",
    "перечислен",
    "списан",
    "взыскан",
    "хищен",
    "погашен",
    "начислен",
    "изъят",
    "снят",
    "конфискац",
    "компенсац",
];

impl Reader<'_, Russian> {
    /// True if the number at `at`, or a range, of which `last` is the last, counts what a noun of action before it is done to.
    pub(super) fn is_object_of_action(&self, at: usize, last: &Figure) -> bool {
        let action = self.tokens.word_before(at);
        if !is_action(&action) {
            return false;
        }
        let Some(word) = self.previous_word(at) else {
            return false;
        };
        let before = self.tokens.word_before(word);
        let because = before == "за"
            && self.previous_word(word).is_some_and(|za| {
                za >= 2 && self.tokens.text(za - 1) == "-" && self.tokens.text(za - 2) == "из"
            });
        let led = because
            || matches!(
                before.as_str(),
                "от" | "после"
                    | "для"
                    | "о"
                    | "об"
                    | "до"
                    | "при"
                    | "без"
                    | "ради"
                    | "вместо"
                    | "против"
                    | "путём"
                    | "случае"
            );
        let next = self.tokens.skip_space(last.end);
        let unit = self.counted_noun(at, last, next);
        let phrase = self.phrase(last.end);
        let many = phrase
            .senses
            .iter()
            .find(|sense| sense.plural && sense.case == Case::Genitive);
        let name = match many {
            Some(sense) => Some(sense.noun.name()),
            None => {
                let word = self.tokens.text(phrase.at);
                (phrase.senses.is_empty() && led && is_plural_genitive(word)).then_some("")
            }
        };
        // `в связи с отменой 12 рейсов`
        let with = matches!(before.as_str(), "с" | "со")
            && ["ой", "ей", "ом", "ем"]
                .iter()
                .any(|ending| action.ends_with(ending));
        let money = units::currency(self.tokens.text(next)).is_some()
            || unit.as_ref().is_some_and(|(noun, _)| is_money(noun.name()))
            || name.is_some_and(is_money);
        if money {
            return led && OF_MONEY.iter().any(|stem| action.starts_with(stem));
        }
        let bare = self.previous(word).is_none() && is_nominative(&action);
        if let Some((noun, end)) = unit {
            return self.is_measured_object(&noun, end, led || with, bare);
        }
        let Some(name) = name else {
            return false;
        };
        // `После проверки 5 вагонов отцепили`: they are what the verb is about.
        let verb = self
            .tokens
            .text(self.tokens.skip_space(phrase.at + 1))
            .to_lowercase();
        let subject = matches!(before.as_str(), "после" | "до" | "при") && is_of_subject(&verb);
        let earned = name == "балл" && led;
        (earned || !is_time_or_point(name)) && !subject && (led || with || bare)
    }
}

impl Reader<'_, Russian> {
    /// `после отгрузки 5 т зерна`, `Поставка 20 л воды`: true if an action is done to as much of something as the unit before
    /// `end` measures; of a length only where it is said of what: `для прокладки 3 км кабеля`.
    fn is_measured_object(&self, unit: &Noun, end: usize, led: bool, bare: bool) -> bool {
        let next = self.tokens.skip_space(end);
        let word = self.tokens.text(next);
        let of_what = next > end
            && self.tokens.is_word(next)
            && word.starts_with(char::is_lowercase)
            && [
                "а", "я", "ы", "и", "ов", "ев", "ей", "ого", "ой", "ых", "их",
            ]
            .iter()
            .any(|ending| word.ends_with(ending))
            && context::is_noun_like(word);
        let power = matches!(self.tokens.text(end - 1), "²" | "³" | "2" | "3");
        match unit.name() {
            "тонна" | "килограмм" | "грамм" | "литр" | "центнер" | "гектар" | "сотка" | "штука" => {
                led && !is_of_subject(word) || bare && of_what
            }
            "метр" | "километр" if power => {
                led && !is_of_subject(word) || bare && of_what
            }
            "метр" | "километр" => (led || bare) && of_what,
            _ => false,
        }
    }
}

/// True if `word`, which is in no table, ends as things do of which there are many: *ламп*, *насосов*.
fn is_plural_genitive(word: &str) -> bool {
    word.chars().count() >= 4
        && word.chars().all(|c| matches!(c, 'а'..='я' | 'ё'))
        && !word.ends_with([
            'а', 'е', 'ё', 'и', 'о', 'у', 'ы', 'э', 'ю', 'я', 'ь', 'й', 'л', 'т', 'ш',
        ])
        || ["телей", "арей", "ств", "ест"]
            .iter()
            .any(|ending| word.ends_with(ending))
}

/// True if `noun` is a sum or a share of money.
fn is_money(noun: &str) -> bool {
    matches!(
        noun,
        "рубль"
            | "копейка"
            | "доллар"
            | "евро"
            | "процент"
            | "тысяча"
            | "миллион"
            | "миллиард"
    )
}

/// True if `verb` may be that of several things before it, which nothing else is the subject of.
fn is_of_subject(verb: &str) -> bool {
    const ENDINGS: [&str; 8] = ["ли", "лось", "лись", "ло", "ны", "ты", "но", "тся"];
    ENDINGS.iter().any(|ending| verb.ends_with(ending))
}

fn is_action(word: &str) -> bool {
    const CASES_OF_FIRST: [&str; 7] = ["а", "и", "ы", "е", "у", "ой", "ей"];
    const CASES_OF_SECOND: [&str; 5] = ["", "а", "у", "ом", "е"];
    const CASES_OF_OTHERS: [&str; 12] = [
        "ие", "ия", "ию", "ием", "ии", "ья", "ье", "о", "а", "у", "ом", "ией",
    ];
    let has = |stems: &[&str], endings: &[&str]| {
        stems.iter().any(|stem| {
            word.strip_prefix(stem)
                .is_some_and(|ending| endings.contains(&ending))
        })
    };
    has(FEMININE, &CASES_OF_FIRST)
        || has(MASCULINE, &CASES_OF_SECOND)
        || has(OTHERS, &CASES_OF_OTHERS)
        || ends_as_action(word)
}

/// *использования*, *эксплуатацией*: an unknown word, in no nominative, that ends as actions do.
fn ends_as_action(word: &str) -> bool {
    const ENDINGS: [&str; 10] = [
        "ания",
        "ении",
        "ения",
        "ании",
        "ением",
        "анием",
        "яния",
        "ытия",
        "ации",
        "ацией",
    ];
    word.chars().count() >= 7
        && ENDINGS.iter().any(|ending| word.ends_with(ending))
        && senses(word).is_empty()
        && !THINGS.iter().any(|stem| word.starts_with(stem))
}

fn is_nominative(action: &str) -> bool {
    MASCULINE.contains(&action)
        || action.ends_with(['а', 'о'])
        || action.ends_with("ие")
        || action.ends_with("ция")
}

/// True if `noun` counts time or what is earned, of which an action may come first or last: `до закрытия 5 минут`.
fn is_time_or_point(noun: &str) -> bool {
    matches!(
        noun,
        "секунда"
            | "минута"
            | "час"
            | "день"
            | "сутки"
            | "неделя"
            | "месяц"
            | "год"
            | "лето"
            | "раз"
            | "балл"
            | "ночь"
            | "метр"
            | "километр"
            | "градус"
            | "век"
            | "квартал"
    )
}
