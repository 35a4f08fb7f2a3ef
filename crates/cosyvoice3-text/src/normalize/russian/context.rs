//! Unknown words around a number, judged by their endings: the case and gender of nouns, verbs, and other classes.

use super::{
    super::lex::is_cyrillic,
    governing::{cases, governed},
    nouns,
    numerals::{Case, Gender},
};

/// Case and gender of `number` between the word before it and the words that follow.
pub(super) fn agreement(number: u64, before: &str, after: &[&str]) -> (Case, Gender) {
    let tens = number / 10 % 10;
    match (number % 10, after.first()) {
        (1, Some(noun)) if tens != 1 => singular(before, noun, after.get(1).copied()),
        (last, _) => {
            let noun = after.iter().find(|word| !is_plural_adjective(word));
            let feminine = last == 2
                && tens != 1
                && noun.is_some_and(|n| n.ends_with(['ы', 'и']) && !n.starts_with("пут"));
            let gender = if feminine {
                Gender::Feminine
            } else {
                Gender::Masculine
            };
            // `2 обедов`
            let few = (2..=4).contains(&last) && tens != 1;
            let many = after
                .first()
                .is_some_and(|noun| noun.ends_with("ов") || noun.ends_with("ев"));
            let case = match plural_case(before, after) {
                Case::Nominative if few && many => Case::Genitive,
                case => case,
            };
            (case, gender)
        }
    }
}

fn is_plural_adjective(word: &str) -> bool {
    ["ых", "их", "ые", "ие", "ым", "им", "ыми", "ими"]
        .iter()
        .any(|ending| word.ends_with(ending))
}

fn plural_case(before: &str, after: &[&str]) -> Case {
    let ends = |endings: &[&str]| {
        after.iter().take(2).any(|word| {
            word.chars().count() >= 5 && endings.iter().any(|ending| word.ends_with(ending))
        })
    };
    let governed = governed(before);
    let persons = after.first().is_some_and(|word| {
        [
            "взросл",
            "больн",
            "пострадавш",
            "ранен",
            "погибш",
            "отдыхающ",
            "провожающ",
            "рабоч",
        ]
        .iter()
        .any(|stem| {
            word.strip_prefix(stem)
                .is_some_and(|e| matches!(e, "ых" | "их"))
        })
    });
    if persons && (governed == Some(Case::Accusative) || is_deed(before)) {
        // `за 2 взрослых`: of living beings the accusative is the genitive.
        Case::Genitive
    } else if ends(&["ами", "ями"]) {
        Case::Instrumental
    } else if governed != Some(Case::Genitive) && ends(&["ах", "ях"]) {
        Case::Prepositional
    } else if matches!(governed, Some(Case::Dative) | None)
        && ends(&["ам", "ям"])
        && !after[0].ends_with("реклам")
    {
        Case::Dative
    } else {
        match governed {
            None => Case::Nominative,
            Some(case) => case,
        }
    }
}

/// Case and gender of *один* before `noun`, judged by the noun's (or its adjective's) ending and the preposition.
fn singular(before: &str, noun: &str, next: Option<&str>) -> (Case, Gender) {
    use {Case::*, Gender::*};
    let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    let governed = governed(before);
    let locative = matches!(before, "в" | "во" | "на" | "о" | "об" | "обо" | "при");
    if ends(&["ая", "яя"]) {
        (Nominative, Feminine)
    } else if ends(&["ую", "юю"]) {
        (Accusative, Feminine)
    } else if ends(&["ое", "ее", "о", "мя"]) && !ends(&["ого", "его"]) {
        (Nominative, Neuter)
    } else if ends(&["ого", "его"]) {
        (Genitive, Masculine)
    } else if ends(&["ому", "ему"]) {
        (Dative, Masculine)
    } else if ends(&["ым", "им"]) {
        (Instrumental, Masculine)
    } else if ends(&["ом", "ем", "ём"]) {
        (
            if locative {
                Prepositional
            } else {
                Instrumental
            },
            Masculine,
        )
    } else if ends(&["ой"]) && next.is_some_and(|n| n.ends_with(is_consonant)) {
        (Nominative, Masculine)
    } else if ends(&["ой", "ей", "ью", "ы", "и"]) && !ends(&["лей", "чей", "ней"])
    {
        (Genitive, Feminine)
    } else if ends(&["а", "я"]) {
        if governed == Some(Genitive) {
            (Genitive, Masculine)
        } else {
            (Nominative, Feminine)
        }
    } else if ends(&["у", "ю"]) {
        if governed == Some(Dative) || before == "по" {
            (Dative, Masculine)
        } else {
            (Accusative, Feminine)
        }
    } else if ends(&["е"]) && locative && !ends(&["ие", "ье"]) {
        (Prepositional, locative_gender(noun))
    } else if ends(&["е"]) {
        (Nominative, Neuter)
    } else if ends(&["ь"]) && is_feminine_soft(noun) {
        (Nominative, Feminine)
    } else {
        (Nominative, Masculine)
    }
}

fn is_consonant(c: char) -> bool {
    c.is_alphabetic() && !"аеёиоуыэюяьъ".contains(c)
}

/// *в одной минуте*, *в одном доме*: only the common feminine nouns are known.
fn locative_gender(noun: &str) -> Gender {
    const FEMININE: [&str; 14] = [
        "минут",
        "секунд",
        "недел",
        "школ",
        "комнат",
        "квартир",
        "стран",
        "книг",
        "строк",
        "тысяч",
        "команд",
        "групп",
        "систем",
        "сторон",
    ];
    if FEMININE.iter().any(|stem| noun.starts_with(stem)) {
        Gender::Feminine
    } else {
        Gender::Masculine
    }
}

fn is_feminine_soft(noun: &str) -> bool {
    const ENDINGS: [&str; 16] = [
        "сть", "знь", "чь", "шь", "жь", "щь", "вь", "бь", "пь", "ись", "ось", "ель", "оль", "аль",
        "ерь", "адь",
    ];
    const MASCULINE: [&str; 18] = [
        "гость",
        "тополь",
        "пароль",
        "король",
        "контроль",
        "алкоголь",
        "рояль",
        "февраль",
        "апрель",
        "отель",
        "тоннель",
        "картофель",
        "кисель",
        "зверь",
        "червь",
        "голубь",
        "лось",
        "карась",
    ];
    let agent = noun.ends_with("тель") && noun != "метель" || noun.ends_with("арь");
    let other = [
        "ночь",
        "дверь",
        "площадь",
        "нефть",
        "мысль",
        "цепь",
        "ткань",
        "степень",
        "лень",
        "тень",
    ];
    other.contains(&noun)
        || !agent && !MASCULINE.contains(&noun) && ENDINGS.iter().any(|e| noun.ends_with(e))
}

/// Case and gender of an ordinal before `noun`: *четвёртый квартал*, *в двадцатом веке*.
pub(super) fn ordinal_agreement(before: &str, noun: &str) -> (Case, Gender) {
    let plural = ["ов", "ам", "ями", "ами", "ях", "ах"];
    if let Some(at) = plural.iter().position(|ending| noun.ends_with(ending)) {
        let case = [
            Case::Genitive,
            Case::Dative,
            Case::Instrumental,
            Case::Instrumental,
            Case::Prepositional,
            Case::Prepositional,
        ][at];
        return (case, Gender::Plural);
    }
    // *века, квартала*: a masculine genitive far more often than a feminine subject after these.
    let masculine = [
        "век",
        "квартал",
        "съезд",
        "том",
        "этап",
        "класс",
        "раздел",
        "тур",
        "год",
    ];
    if let Some(stem) = masculine.iter().find(|stem| noun.starts_with(**stem)) {
        let case = match &noun[stem.len()..] {
            "а" => Case::Genitive,
            "у" if before != "в" => Case::Dative,
            "у" | "е" => Case::Prepositional,
            "ом" => Case::Instrumental,
            "и" | "ы" => return (Case::Nominative, Gender::Plural),
            _ => Case::Nominative,
        };
        return (case, Gender::Masculine);
    }
    singular(before, noun, None)
}

/// True if `word` looks like a verb, after which a date says when: *вышел одиннадцатого марта*.
pub(super) fn is_verb(word: &str) -> bool {
    const ENDINGS: [&str; 12] = [
        "л", "ла", "ло", "ли", "ся", "сь", "ет", "ёт", "ит", "ут", "ют", "ят",
    ];
    // `живопись`, `подпись`, `запись`
    let noun = word.ends_with("пись");
    word.chars().count() >= 4 && !noun && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// *двое суток*, *трое детей*: nouns that are counted so.
pub(super) fn collective(number: u64, before: &str, noun: &str) -> Option<&'static str> {
    let collective = matches!(
        noun,
        "суток" | "детей" | "ножниц" | "брюк" | "ворот" | "саней"
    );
    let direct = !matches!(governed(before), Some(Case::Genitive));
    // `на 2 детей`
    let living = noun == "детей" && (governed(before) == Some(Case::Accusative) || is_deed(before));
    let words = match living {
        true => ["двоих", "троих", "четверых"],
        false => ["двое", "трое", "четверо"],
    };
    let at = usize::try_from(number.checked_sub(2)?).ok()?;
    words.get(at).copied().filter(|_| collective && direct)
}

/// True if `word`, in small letters, may be a noun: known ones, and what is no verb and no function word.
pub(super) fn is_noun_like(word: &str) -> bool {
    !nouns::senses(word).is_empty()
        || word.chars().count() > 2
            && word.starts_with(is_cyrillic)
            && cases(word).is_empty()
            && !is_function_word(word)
            && !is_verb(word)
}

/// True if `word` describes what happens to something, as verbs and short participles do: *закрыта*.
pub(super) fn is_predicate(word: &str) -> bool {
    const ENDINGS: [&str; 10] = [
        "ен", "ена", "ено", "ены", "ан", "ана", "ано", "аны", "ыт", "ыта",
    ];
    is_verb(word)
        || word.chars().count() >= 4 && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// True if `word` expresses motion of a person or thing: *пройдите*, *прибывает*.
pub(super) fn is_motion(word: &str) -> bool {
    const STEMS: [&str; 57] = [
        "приход",
        "придёт",
        "придет",
        "придит",
        "приезжа",
        "приезд",
        "приед",
        "приеха",
        "сверн",
        "сворач",
        "поверн",
        "поворач",
        "переех",
        "переезж",
        "переезд",
        "поех",
        "поед",
        "едем",
        "едет",
        "едут",
        "ехать",
        "идите",
        "выйд",
        "выеха",
        "загляни",
        "вызов",
        "вызыва",
        "выход",
        "вход",
        "поворот",
        "въезд",
        "выезд",
        "подъём",
        "пройд",
        "пройт",
        "проход",
        "подойд",
        "зайд",
        "заход",
        "поднимит",
        "поднима",
        "спуст",
        "спуска",
        "приглаша",
        "обрати",
        "обраща",
        "перейд",
        "переход",
        "прибыва",
        "прибуд",
        "направля",
        "отправля",
        "поступа",
        "подаё",
        "подае",
        "перенес",
        "перевед",
    ];
    STEMS.iter().any(|stem| word.starts_with(stem))
}

/// True if `word` is a verb in a form that can have no subject in the singular, so that one thing after it is its object:
/// *возьмите*, *отгрузили*, *взвешивают*.
pub(super) fn takes_one_as_object(word: &str) -> bool {
    const ENDINGS: [&str; 13] = [
        "йте", "ите", "ьте", "ать", "ять", "ить", "еть", "оть", "уть", "ли", "ют", "ят", "ут",
    ];
    word.chars().count() >= 5
        && ENDINGS.iter().any(|ending| word.ends_with(ending))
        && nouns::senses(word).is_empty()
        && cases(word).is_empty()
        && !word.ends_with("сть")
        && !matches!(
            word,
            "стали" | "опять" | "вспять" | "кровать" | "сайте" | "печать"
        )
}

/// True if `word` is a verb of how trains, ships and planes come and go: *прибывает*, *вылетит*.
pub(super) fn is_of_transport(word: &str) -> bool {
    const STEMS: [&str; 20] = [
        "прибыва",
        "прибуд",
        "прибыл",
        "отправля",
        "отправит",
        "отправят",
        "отправил",
        "отправл",
        "отход",
        "отойд",
        "отъезжа",
        "вылета",
        "вылет",
        "прилета",
        "прилет",
        "приезжа",
        "приед",
        "уезжа",
        "отчали",
        "отплыва",
    ];
    is_verb(word) && STEMS.iter().any(|stem| word.starts_with(stem))
}

/// True if `word` is a verb of what a schedule has: *прибывает*, *начнётся*.
pub(super) fn is_of_schedule(word: &str) -> bool {
    const STEMS: [&str; 9] = [
        "начина",
        "начнёт",
        "начнет",
        "начал",
        "заканчива",
        "закончит",
        "открыва",
        "закрыва",
        "состоит",
    ];
    is_of_transport(word) || is_verb(word) && STEMS.iter().any(|stem| word.starts_with(stem))
}

/// True if `word` names what a decimal number can be the value of: *цена*.
pub(super) fn is_valued(word: &str) -> bool {
    const STEMS: [&str; 30] = [
        "цен",
        "стоимост",
        "курс",
        "числ",
        "коэффициент",
        "средн",
        "рейтинг",
        "балл",
        "оценк",
        "результат",
        "рекорд",
        "индекс",
        "дол",
        "это",
        "верси",
        "глав",
        "пункт",
        "раздел",
        "номер",
        "показател",
        "значени",
        "минимальн",
        "максимальн",
        "норм",
        "предел",
        "порог",
        "ставк",
        "сумм",
        "процент",
        "итог",
    ];
    STEMS.iter().any(|stem| word.starts_with(stem))
}

/// True if `word` is a verb of what is done to persons: *встретил*, *пригласить*.
pub(super) fn is_deed(word: &str) -> bool {
    const STEMS: [&str; 40] = [
        "встре",
        "пригла",
        "приня",
        "прини",
        "насчита",
        "спас",
        "эвакуир",
        "задерж",
        "обслуж",
        "опроси",
        "опраши",
        "вызва",
        "вызыва",
        "осмотр",
        "обследов",
        "вылеч",
        "лечи",
        "госпитал",
        "награ",
        "наград",
        "уволи",
        "нанял",
        "нанима",
        "обуч",
        "выпусти",
        "арестов",
        "доставил",
        "привез",
        "перевез",
        "перевёз",
        "объедин",
        "собрал",
        "нашл",
        "нашёл",
        "потеря",
        "убил",
        "ранил",
        "провер",
        "поздрав",
        "зарегистрир",
    ];
    const ENDINGS: [&str; 10] = ["л", "ла", "ло", "ли", "ет", "ют", "ит", "ят", "ть", "ут"];
    STEMS.iter().any(|stem| word.starts_with(stem))
        && ENDINGS.iter().any(|ending| word.ends_with(ending))
}

/// True if `word` describes the state of something that stands before it: *открыта*, *свободно*, *задерживается*.
pub(super) fn is_state(word: &str) -> bool {
    const STEMS: [&str; 21] = [
        "открыт",
        "закрыт",
        "свободн",
        "занят",
        "готов",
        "включен",
        "отключен",
        "включён",
        "отключён",
        "неисправн",
        "исправн",
        "заблокирован",
        "отменен",
        "отменён",
        "задержан",
        "перенесен",
        "перенесён",
        "доступн",
        "переполнен",
        "активн",
        "недоступн",
    ];
    let short = |stem: &str| matches!(word.strip_prefix(stem), Some("" | "а" | "о" | "ы"));
    word.ends_with("тся") || STEMS.iter().any(|stem| short(stem))
}

/// A count that is written as a word, and the case of the whole, which the word `before` governs.
pub(super) fn number_word(word: &str, before: &str) -> Option<(u64, Case)> {
    // *пяти* is of three cases.
    let oblique = match before {
        "в" | "во" | "на" | "о" | "об" | "при" => Case::Prepositional,
        before if governed(before) == Some(Case::Dative) => Case::Dative,
        _ => Case::Genitive,
    };
    Some(match word {
        "один" => (1, Case::Nominative),
        "одного" => (1, Case::Genitive),
        "одному" => (1, Case::Dative),
        "одним" => (1, Case::Instrumental),
        "одном" => (1, Case::Prepositional),
        "два" | "три" | "четыре" | "оба" => (2, Case::Nominative),
        "двух" | "трёх" | "трех" | "четырёх" | "четырех" => match oblique
        {
            Case::Dative => (5, Case::Genitive),
            case => (5, case),
        },
        "двум" | "трём" | "трем" | "четырём" | "четырем" => {
            (5, Case::Dative)
        }
        "двумя" | "тремя" | "четырьмя" | "пятью" | "шестью" | "семью" | "восемью" | "девятью" => {
            (5, Case::Instrumental)
        }
        "пяти" | "шести" | "семи" | "восьми" | "девяти" | "сорока" => {
            (5, oblique)
        }
        _ if word.ends_with("десятью") || word.ends_with("дцатью") => {
            (5, Case::Instrumental)
        }
        _ if word.ends_with("десяти") || word.ends_with("дцати") => (5, oblique),
        _ => return None,
    })
}

/// *утром*, *ночью*: in forecasts and timetables.
pub(super) fn is_day_part(word: &str) -> bool {
    matches!(word, "утром" | "днём" | "днем" | "вечером" | "ночью")
}

/// Words that a number does not count.
pub(super) fn is_function_word(word: &str) -> bool {
    const WORDS: [&str; 52] = [
        "и",
        "или",
        "а",
        "но",
        "до",
        "от",
        "по",
        "на",
        "в",
        "во",
        "с",
        "со",
        "к",
        "ко",
        "из",
        "за",
        "у",
        "о",
        "об",
        "не",
        "ни",
        "как",
        "что",
        "для",
        "при",
        "без",
        "под",
        "над",
        "через",
        "это",
        "мы",
        "вы",
        "он",
        "она",
        "они",
        "я",
        "ты",
        "точка",
        "слэш",
        "дефис",
        "двоеточие",
        "собака",
        "есть",
        "был",
        "была",
        "было",
        "будет",
        "же",
        "ли",
        "плюс",
        "минус",
        "равно",
    ];
    WORDS.contains(&word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endings_and_prepositions_tell_case_and_gender() {
        use {Case::*, Gender::*};
        for (number, before, after, expected) in [
            (1, "", &["минута"][..], (Nominative, Feminine)),
            (1, "через", &["минуту"], (Accusative, Feminine)),
            (21, "", &["рубль"], (Nominative, Masculine)),
            (1, "от", &["рубля"], (Genitive, Masculine)),
            (1, "", &["область"], (Nominative, Feminine)),
            (1, "", &["окно"], (Nominative, Neuter)),
            (1, "в", &["доме"], (Prepositional, Masculine)),
            (11, "", &["минут"], (Nominative, Masculine)),
            (2, "", &["минуты"], (Nominative, Feminine)),
            (2, "", &["новые", "минуты"], (Nominative, Feminine)),
            (2, "", &["рубля"], (Nominative, Masculine)),
            (5, "к", &["часам"], (Dative, Masculine)),
            (10, "до", &["часов"], (Genitive, Masculine)),
            (3, "после", &["дней"], (Genitive, Masculine)),
            (5, "с", &["друзьями"], (Instrumental, Masculine)),
            (5, "в", &["домах"], (Prepositional, Masculine)),
            (5, "через", &["минут"], (Accusative, Masculine)),
        ] {
            assert_eq!(
                agreement(number, before, after),
                expected,
                "{before} {number} {after:?}"
            );
        }
    }
}
