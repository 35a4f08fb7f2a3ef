//! Russian abbreviations: dotted ones in full, letter ones by the names of their letters.

use super::{
    super::lex::{Tokens, is_cyrillic},
    context::governed,
    numerals::Case,
};

/// Two words with full stops, what they stand for, and whether they may end a sentence.
const PAIRS: [(&str, &str, &str, bool); 13] = [
    ("т", "е", "то есть", false),
    ("т", "к", "так как", false),
    ("т", "н", "так называемый", false),
    ("т", "о", "таким образом", false),
    ("т", "д", "так далее", true),
    ("т", "п", "тому подобное", true),
    ("и", "о", "исполняющий обязанности", false),
    ("рт", "ст", "ртутного столба", true),
    ("н", "э", "нашей эры", true),
    ("с", "ш", "северной широты", true),
    ("ю", "ш", "южной широты", true),
    ("в", "д", "восточной долготы", true),
    ("з", "д", "западной долготы", true),
];

/// Words with a full stop that are read in full wherever they stand, and whether they may end a sentence.
const SINGLES: [(&str, &str, bool); 21] = [
    ("др", "другие", true),
    ("пр", "прочее", true),
    ("руб", "рублей", true),
    ("коп", "копеек", true),
    ("тыс", "тысяч", false),
    ("млн", "миллионов", false),
    ("млрд", "миллиардов", false),
    ("гг", "годы", true),
    ("вв", "века", true),
    ("см", "смотри", false),
    ("ср", "сравни", false),
    ("им", "имени", false),
    ("ок", "около", false),
    ("напр", "например", false),
    ("проф", "профессор", false),
    ("акад", "академик", false),
    ("доц", "доцент", false),
    ("тов", "товарищ", false),
    ("тел", "телефон", false),
    ("ред", "редактор", false),
    ("прим", "примечание", false),
];

/// Words with a full stop before a name, by case.
const BEFORE_NAME: [(&str, [&str; 6]); 8] = [
    (
        "г",
        ["город", "города", "городу", "город", "городом", "городе"],
    ),
    (
        "ул",
        ["улица", "улицы", "улице", "улицу", "улицей", "улице"],
    ),
    (
        "пл",
        [
            "площадь",
            "площади",
            "площади",
            "площадь",
            "площадью",
            "площади",
        ],
    ),
    (
        "пер",
        [
            "переулок",
            "переулка",
            "переулку",
            "переулок",
            "переулком",
            "переулке",
        ],
    ),
    (
        "просп",
        [
            "проспект",
            "проспекта",
            "проспекту",
            "проспект",
            "проспектом",
            "проспекте",
        ],
    ),
    (
        "наб",
        [
            "набережная",
            "набережной",
            "набережной",
            "набережную",
            "набережной",
            "набережной",
        ],
    ),
    (
        "обл",
        [
            "область",
            "области",
            "области",
            "область",
            "областью",
            "области",
        ],
    ),
    (
        "оз",
        ["озеро", "озера", "озеру", "озеро", "озером", "озере"],
    ),
];

/// Words with a full stop before a number, by case.
const BEFORE_NUMBER: [(&str, [&str; 6]); 15] = [
    ("д", ["дом", "дома", "дому", "дом", "домом", "доме"]),
    (
        "кв",
        [
            "квартира",
            "квартиры",
            "квартире",
            "квартиру",
            "квартирой",
            "квартире",
        ],
    ),
    (
        "корп",
        [
            "корпус",
            "корпуса",
            "корпусу",
            "корпус",
            "корпусом",
            "корпусе",
        ],
    ),
    ("оф", ["офис", "офиса", "офису", "офис", "офисом", "офисе"]),
    (
        "стр",
        [
            "страница",
            "страницы",
            "странице",
            "страницу",
            "страницей",
            "странице",
        ],
    ),
    (
        "с",
        [
            "страница",
            "страницы",
            "странице",
            "страницу",
            "страницей",
            "странице",
        ],
    ),
    (
        "п",
        ["пункт", "пункта", "пункту", "пункт", "пунктом", "пункте"],
    ),
    (
        "пп",
        [
            "подпункт",
            "подпункта",
            "подпункту",
            "подпункт",
            "подпунктом",
            "подпункте",
        ],
    ),
    (
        "ст",
        ["статья", "статьи", "статье", "статью", "статьёй", "статье"],
    ),
    (
        "гл",
        ["глава", "главы", "главе", "главу", "главой", "главе"],
    ),
    (
        "рис",
        [
            "рисунок",
            "рисунка",
            "рисунку",
            "рисунок",
            "рисунком",
            "рисунке",
        ],
    ),
    (
        "табл",
        [
            "таблица",
            "таблицы",
            "таблице",
            "таблицу",
            "таблицей",
            "таблице",
        ],
    ),
    ("т", ["том", "тома", "тому", "том", "томом", "томе"]),
    (
        "тел",
        [
            "телефон",
            "телефона",
            "телефону",
            "телефон",
            "телефоном",
            "телефоне",
        ],
    ),
    ("им", ["имени", "имени", "имени", "имени", "имени", "имени"]),
];

/// What the dotted abbreviation at `at` stands for, and the index after it.
pub(super) fn dotted(tokens: &Tokens, at: usize) -> Option<(&'static str, usize)> {
    let word = tokens.text(at).to_lowercase();
    if tokens.text(at + 1) != "." {
        return None;
    }
    let stop = |text, end: usize, may_end: bool| {
        // The full stop stays where it ends the sentence too.
        Some((
            text,
            end - usize::from(may_end && tokens.ends_sentence(end - 1)),
        ))
    };
    let second = tokens.skip_space(at + 2);
    if tokens.text(second + 1) == "." {
        let pair = PAIRS
            .iter()
            .find(|(a, b, ..)| *a == word && *b == tokens.text(second).to_lowercase());
        if let Some((_, _, text, may_end)) = pair {
            return stop(*text, second + 2, *may_end);
        }
    }
    // `Г. Иванов`: an initial.
    if word != tokens.text(at) && word.chars().count() == 1 {
        return None;
    }
    let find = |table: &[(&str, [&'static str; 6])]| {
        let (_, forms) = table.iter().find(|(short, _)| *short == word)?;
        Some(forms[place_case(&tokens.word_before(at)) as usize])
    };
    let next = tokens.text(second);
    let number_follows = next.starts_with(|c: char| c.is_ascii_digit()) || next == "№";
    if number_follows && let Some(text) = find(&BEFORE_NUMBER) {
        return Some((text, at + 2));
    }
    let name_follows = next.starts_with(|c: char| c.is_uppercase() && is_cyrillic(c))
        && tokens.text(second + 1) != ".";
    if name_follows && let Some(text) = find(&BEFORE_NAME) {
        return Some((text, at + 2));
    }
    let (_, text, may_end) = SINGLES.iter().find(|(short, ..)| *short == word)?;
    stop(*text, at + 2, *may_end)
}

/// The case of a place after a preposition: *на улице*, *в городе*, *до улицы*.
fn place_case(before: &str) -> Case {
    match before {
        "в" | "во" | "на" => Case::Prepositional,
        "по" => Case::Dative,
        _ => governed(before).unwrap_or(Case::Nominative),
    }
}

/// The letters' names of an abbreviation in capitals, joined by hyphens; `None` where it is read as a word.
pub(super) fn spelled(word: &str) -> Option<String> {
    let length = word.chars().count();
    if !(2..=5).contains(&length) || !word.chars().all(char::is_uppercase) {
        return None;
    }
    if let Some(said) = read_as(word) {
        return Some(said.into());
    }
    let cyrillic = word.chars().all(is_cyrillic);
    // Longer Latin ones are words more often than not: LINUX.
    if !cyrillic && length > 4 && word != "HTTPS" {
        return None;
    }
    if cyrillic && word.chars().any(|c| "АЕЁИОУЫЭЮЯ".contains(c)) && !WITH_VOWELS.contains(&word)
    {
        return None;
    }
    let names: Option<Vec<&str>> = word.chars().map(letter).collect();
    names.map(|names| names.join("-"))
}

/// Cyrillic abbreviations with vowels that are spelled nevertheless.
const WITH_VOWELS: [&str; 22] = [
    "ООН",
    "ЕС",
    "ЦРУ",
    "МГУ",
    "СПБГУ",
    "ЕГЭ",
    "ОГЭ",
    "ОАЭ",
    "АО",
    "ОАО",
    "ПАО",
    "ООО",
    "ИП",
    "ИИ",
    "АЗС",
    "АТС",
    "ЭВМ",
    "ЭКГ",
    "ЦСКА",
    "АЭС",
    "УК",
    "ЕАЭС",
];

/// Abbreviations with a reading of their own.
fn read_as(word: &str) -> Option<&'static str> {
    Some(match word {
        "США" => "сэ-шэ-а",
        "ИТ" | "IT" => "ай-ти",
        "OK" | "ОК" => "окей",
        "NASA" => "наса",
        "NATO" => "нато",
        "COVID" => "ковид",
        "PIN" => "пин",
        "SIM" => "сим",
        "GIF" => "гиф",
        "JPEG" => "джейпег",
        _ => return None,
    })
}

fn letter(c: char) -> Option<&'static str> {
    Some(match c {
        'А' => "а",
        'Б' => "бэ",
        'В' => "вэ",
        'Г' => "гэ",
        'Д' => "дэ",
        'Е' => "е",
        'Ё' => "ё",
        'Ж' => "жэ",
        'З' => "зэ",
        'И' => "и",
        'Й' => "й",
        'К' => "ка",
        'Л' => "эл",
        'М' => "эм",
        'Н' => "эн",
        'О' => "о",
        'П' => "пэ",
        'Р' => "эр",
        'С' => "эс",
        'Т' => "тэ",
        'У' => "у",
        'Ф' => "эф",
        'Х' => "ха",
        'Ц' => "цэ",
        'Ч' => "че",
        'Ш' => "ша",
        'Щ' => "ща",
        'Э' => "э",
        'Ю' => "ю",
        'Я' => "я",
        'A' => "эй",
        'B' => "би",
        'C' => "си",
        'D' => "ди",
        'E' => "и",
        'F' => "эф",
        'G' => "джи",
        'H' => "эйч",
        'I' => "ай",
        'J' => "джей",
        'K' => "кей",
        'L' => "эл",
        'M' => "эм",
        'N' => "эн",
        'O' => "о",
        'P' => "пи",
        'Q' => "кью",
        'R' => "ар",
        'S' => "эс",
        'T' => "ти",
        'U' => "ю",
        'V' => "ви",
        'W' => "дабл-ю",
        'X' => "экс",
        'Y' => "уай",
        'Z' => "зед",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_are_named_where_no_word_can_be_read() {
        for (word, expected) in [
            ("USB", Some("ю-эс-би")),
            ("ФСБ", Some("эф-эс-бэ")),
            ("МЧС", Some("эм-че-эс")),
            ("США", Some("сэ-шэ-а")),
            ("ООН", Some("о-о-эн")),
            ("ТАСС", None),
            ("МИД", None),
            ("ДА", None),
            ("NASA", Some("наса")),
            ("Usb", None),
            ("GSTREAMER", None),
        ] {
            assert_eq!(spelled(word).as_deref(), expected, "{word}");
        }
    }
}
