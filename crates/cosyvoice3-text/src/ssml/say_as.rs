//! `say-as`: text that is read as the kind that its author declares.

use crate::{Language, Reading, normalize::ENGLISH_MONTHS, normalize_as};

/// Kinds of text that have a reading of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SayAs {
    /// `characters`, `spell-out`, `verbatim`: letter by letter.
    Characters,
    /// `digits`: digit by digit.
    Digits,
    /// `cardinal`, `number`.
    Cardinal,
    /// `ordinal`.
    Ordinal,
    /// `date`, with the order of its parts in `format`: `ymd`, `dmy`, `mdy`, `dm`, `md`, `ym`, `my`, `y`.
    Date,
    /// `time`.
    Time,
    /// `telephone`.
    Telephone,
    /// `unit`.
    Unit,
}

impl SayAs {
    /// The reading of this name in `interpret-as`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "characters" | "character" | "spell-out" | "verbatim" => Self::Characters,
            "digits" | "digit" => Self::Digits,
            "cardinal" | "number" => Self::Cardinal,
            "ordinal" => Self::Ordinal,
            "date" => Self::Date,
            "time" => Self::Time,
            "telephone" | "phone" => Self::Telephone,
            "unit" => Self::Unit,
            _ => return None,
        })
    }
}

/// `text` in words of `language`, read as `kind`; `format` is the attribute of that name. Text that cannot be read so is
/// read as any other.
pub fn say_as(kind: SayAs, format: Option<&str>, text: &str, language: Language) -> String {
    let text = text.trim();
    let special = match kind {
        SayAs::Characters => Some(characters(text, language)),
        SayAs::Digits => Some(digits(text, language)),
        SayAs::Cardinal => cardinal(text, language),
        SayAs::Ordinal => ordinal(text, language),
        SayAs::Date => date(text, format, language),
        SayAs::Telephone => telephone(text, language),
        SayAs::Unit => Some(read(&apart(text), language)),
        SayAs::Time => None,
    };
    special.unwrap_or_else(|| read(text, language))
}

fn read(text: &str, language: Language) -> String {
    normalize_as(text, language, Reading::Written)
}

/// The digits of `text` one by one.
fn digits(text: &str, language: Language) -> String {
    let between = if language == Language::Chinese {
        ""
    } else {
        " "
    };
    let mut out = String::with_capacity(4 * text.len());
    for c in text.chars() {
        let read = match c.to_digit(10) {
            Some(digit) => digit_name(digit, language),
            None => continue,
        };
        if !out.is_empty() {
            out.push_str(between);
        }
        out.push_str(read);
    }
    out
}

fn digit_name(digit: u32, language: Language) -> &'static str {
    const NAMES: [[&str; 10]; 3] = [
        [
            "ноль",
            "один",
            "два",
            "три",
            "четыре",
            "пять",
            "шесть",
            "семь",
            "восемь",
            "девять",
        ],
        [
            "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
        ],
        ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"],
    ];
    let language = match language {
        Language::Russian => 0,
        Language::English => 1,
        Language::Chinese => 2,
    };
    NAMES[language][digit as usize % 10]
}

/// Letter by letter, digit by digit, the signs of codes by their names.
fn characters(text: &str, language: Language) -> String {
    let mut said = String::with_capacity(2 * text.len());
    for c in text.chars().filter(|c| !c.is_whitespace()) {
        let name = match c.to_digit(10) {
            Some(digit) => Some(digit_name(digit, language)),
            None => letter_name(c, language).or_else(|| sign_name(c, language)),
        };
        if !said.is_empty() && (name.is_some() || c.is_alphabetic()) {
            said.push(' ');
        }
        match name {
            Some(name) => said.push_str(name),
            None if c.is_alphabetic() => said.extend(c.to_uppercase()),
            None => {}
        }
    }
    said
}

/// The name of a Cyrillic letter in Russian; a letter alone is read as a word there.
fn letter_name(c: char, language: Language) -> Option<&'static str> {
    const NAMES: [(char, &str); 33] = [
        ('А', "а"),
        ('Б', "бэ"),
        ('В', "вэ"),
        ('Г', "гэ"),
        ('Д', "дэ"),
        ('Е', "е"),
        ('Ё', "ё"),
        ('Ж', "жэ"),
        ('З', "зэ"),
        ('И', "и"),
        ('Й', "и краткое"),
        ('К', "ка"),
        ('Л', "эль"),
        ('М', "эм"),
        ('Н', "эн"),
        ('О', "о"),
        ('П', "пэ"),
        ('Р', "эр"),
        ('С', "эс"),
        ('Т', "тэ"),
        ('У', "у"),
        ('Ф', "эф"),
        ('Х', "ха"),
        ('Ц', "цэ"),
        ('Ч', "че"),
        ('Ш', "ша"),
        ('Щ', "ща"),
        ('Ъ', "твёрдый знак"),
        ('Ы', "ы"),
        ('Ь', "мягкий знак"),
        ('Э', "э"),
        ('Ю', "ю"),
        ('Я', "я"),
    ];
    if language != Language::Russian {
        return None;
    }
    let upper = c.to_uppercase().next()?;
    NAMES
        .iter()
        .find(|(letter, _)| *letter == upper)
        .map(|(_, name)| *name)
}

fn sign_name(c: char, language: Language) -> Option<&'static str> {
    let (russian, english, chinese) = match c {
        '-' | '–' | '—' => ("дефис", "dash", "杠"),
        '.' => ("точка", "dot", "点"),
        '_' => ("подчёркивание", "underscore", "下划线"),
        '/' => ("дробь", "slash", "斜杠"),
        '@' => ("собака", "at", "艾特"),
        '#' => ("решётка", "hash", "井号"),
        '*' => ("звёздочка", "star", "星号"),
        '+' => ("плюс", "plus", "加"),
        '&' => ("и", "and", "和"),
        ':' => ("двоеточие", "colon", "冒号"),
        _ => return None,
    };
    Some(match language {
        Language::Russian => russian,
        Language::English => english,
        Language::Chinese => chinese,
    })
}

/// The digits of a whole number, its groups joined.
fn whole(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let rest = |c: char| {
        c.is_ascii_digit() || c.is_whitespace() || matches!(c, ',' | '\'' | '\u{a0}' | '.')
    };
    (!digits.is_empty() && digits.len() <= 15 && text.chars().all(rest)).then_some(digits)
}

fn cardinal(text: &str, language: Language) -> Option<String> {
    let (sign, number) = match text.strip_prefix(['-', '−']) {
        Some(number) => ("-", number),
        None => ("", text),
    };
    // One separator with other than three digits after it is a decimal point.
    let is_decimal = number.matches(['.', ',']).count() == 1
        && number
            .rsplit(['.', ','])
            .next()
            .is_some_and(|fraction| fraction.len() != 3);
    if is_decimal {
        return None;
    }
    let digits = whole(number)?;
    let plain = match digits.trim_start_matches('0') {
        "" => "0".to_owned(),
        // Four digits alone would be a year.
        year if year.len() == 4 && language == Language::English => {
            format!("{},{}", &year[..1], &year[1..])
        }
        plain => plain.to_owned(),
    };
    Some(read(&format!("{sign}{plain}"), language))
}

fn ordinal(text: &str, language: Language) -> Option<String> {
    let digits: String = text.chars().take_while(|c| c.is_ascii_digit()).collect();
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    let suffix = &text[digits.len()..];
    Some(match language {
        Language::Russian if suffix.is_empty() => read(&format!("{digits}-й"), language),
        Language::English => read(&format!("{digits}th"), language),
        Language::Chinese => read(&format!("第{digits}"), language),
        Language::Russian => return None,
    })
}

/// Three, two or one numbers as a date in the order of `format`.
fn date(text: &str, format: Option<&str>, language: Language) -> Option<String> {
    let parts: Vec<&str> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .collect();
    if text.contains(char::is_alphabetic) {
        return None;
    }
    let format = format.unwrap_or_else(|| usual_order(&parts, text, language));
    if format.len() != parts.len() {
        return None;
    }
    let part = |name: char, most: u32| {
        let at = format.find(name)?;
        parts[at]
            .parse::<u32>()
            .ok()
            .filter(|value| (1..=most).contains(value))
    };
    let wanted = |name: char| format.contains(name);
    let (year, month, day) = (part('y', 9999), part('m', 12), part('d', 31));
    let whole = (!wanted('y') || year.is_some())
        && (!wanted('m') || month.is_some())
        && (!wanted('d') || day.is_some());
    if !whole {
        return None;
    }
    Some(match language {
        Language::Russian => russian_date(year, month, day),
        Language::English => english_date(year, month, day),
        Language::Chinese => {
            let part = |value: Option<u32>, name: &str| {
                value.map_or(String::new(), |value| format!("{value}{name}"))
            };
            read(
                &format!(
                    "{}{}{}",
                    part(year, "年"),
                    part(month, "月"),
                    part(day, "日")
                ),
                language,
            )
        }
    })
}

/// The order of the parts of a date where none is given.
fn usual_order(parts: &[&str], text: &str, language: Language) -> &'static str {
    match (parts, language) {
        ([first], _) if first.len() == 4 => "y",
        ([first, _], _) if first.len() == 4 => "ym",
        ([first, ..], _) if first.len() == 4 => "ymd",
        ([_, _, _], Language::English) if text.contains('/') => "mdy",
        ([_, _, _], _) => "dmy",
        ([_, last], _) if last.len() == 4 => "my",
        ([_, _], Language::English) => "md",
        ([_, _], _) => "dm",
        _ => "y",
    }
}

fn russian_date(year: Option<u32>, month: Option<u32>, day: Option<u32>) -> String {
    const MONTHS: [(&str, &str); 12] = [
        ("январь", "января"),
        ("февраль", "февраля"),
        ("март", "марта"),
        ("апрель", "апреля"),
        ("май", "мая"),
        ("июнь", "июня"),
        ("июль", "июля"),
        ("август", "августа"),
        ("сентябрь", "сентября"),
        ("октябрь", "октября"),
        ("ноябрь", "ноября"),
        ("декабрь", "декабря"),
    ];
    let written = match (year, month.map(|month| MONTHS[month as usize - 1]), day) {
        (Some(year), Some((_, month)), Some(day)) => format!("{day} {month} {year} года"),
        (None, Some((_, month)), Some(day)) => format!("{day} {month}"),
        (Some(year), Some((month, _)), None) => format!("{month} {year} года"),
        (None, Some((month, _)), None) => month.to_owned(),
        (Some(year), ..) => format!("{year} год"),
        (None, ..) => String::new(),
    };
    read(&written, Language::Russian)
}

fn english_date(year: Option<u32>, month: Option<u32>, day: Option<u32>) -> String {
    let written = match (
        year,
        month.map(|month| ENGLISH_MONTHS[month as usize - 1]),
        day,
    ) {
        (Some(year), Some(month), Some(day)) => format!("{month} {day}, {year}"),
        (None, Some(month), Some(day)) => format!("{month} {day}"),
        (Some(year), Some(month), None) => format!("{month} {year}"),
        (None, Some(month), None) => month.to_owned(),
        // The word before it distinguishes a year alone from a number.
        (Some(year), ..) => {
            let read = read(&format!("in {year}"), Language::English);
            return read.trim_start_matches("in ").to_owned();
        }
        (None, ..) => String::new(),
    };
    read(&written, Language::English)
}

fn telephone(text: &str, language: Language) -> Option<String> {
    let plus = if text.starts_with('+') {
        sign_name('+', language)
    } else {
        None
    };
    let groups: Vec<&str> = text
        .split(|c: char| !c.is_ascii_digit())
        .filter(|group| !group.is_empty())
        .collect();
    if groups.is_empty() || text.contains(char::is_alphabetic) {
        return None;
    }
    // In Russian groups are read as numbers, the long ones in parts; that is the front end's own affair.
    if language == Language::Russian {
        let read = read(text, language);
        return (!read.is_empty()).then_some(read);
    }
    let joint = if language == Language::Chinese {
        "，"
    } else {
        ", "
    };
    let called = |group: &&str| match language {
        Language::Chinese => digits(group, language).replace('一', "幺"),
        _ => digits(group, language),
    };
    let said: Vec<String> = groups.iter().map(called).collect();
    let said = said.join(joint);
    Some(match plus {
        Some(plus) if language == Language::English => format!("{plus} {said}"),
        Some(plus) => format!("{plus}{said}"),
        None => said,
    })
}

/// `text` with a blank between a number and the letters after it, so that they are its unit.
fn apart(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for c in text.chars() {
        if c.is_alphabetic() && out.ends_with(|c: char| c.is_ascii_digit()) {
            out.push(' ');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_read_as_what_it_is_said_to_be() {
        use Language::{Chinese, English, Russian};
        for (kind, format, text, language, expected) in [
            (
                SayAs::Characters,
                None,
                "BA-117",
                English,
                "B A dash one one seven",
            ),
            (SayAs::Characters, None, "мгу", Russian, "эм гэ у"),
            (SayAs::Characters, None, "A1", Chinese, "A 一"),
            (SayAs::Digits, None, "12 34", English, "one two three four"),
            (SayAs::Digits, None, "102", Russian, "один ноль два"),
            (SayAs::Digits, None, "102", Chinese, "一零二"),
            (SayAs::Cardinal, None, "0042", English, "forty-two"),
            (
                SayAs::Cardinal,
                None,
                "1,234",
                English,
                "one thousand two hundred thirty-four",
            ),
            (SayAs::Cardinal, None, "2.5", English, "two point five"),
            (SayAs::Ordinal, None, "3", English, "third"),
            (SayAs::Ordinal, None, "5", Russian, "пятый"),
            (SayAs::Ordinal, None, "5", Chinese, "第五"),
            (
                SayAs::Date,
                Some("dmy"),
                "5/6/2026",
                English,
                "June fifth, twenty twenty-six",
            ),
            (
                SayAs::Date,
                None,
                "2026-06-05",
                Chinese,
                "二零二六年六月五日",
            ),
            (
                SayAs::Date,
                Some("md"),
                "12/24",
                English,
                "December twenty-fourth",
            ),
            (
                SayAs::Date,
                Some("y"),
                "1999",
                English,
                "nineteen ninety-nine",
            ),
            (SayAs::Date, Some("ym"), "2026/6", Chinese, "二零二六年六月"),
            (SayAs::Time, None, "2:30 pm", English, "two thirty P M"),
            (
                SayAs::Telephone,
                None,
                "+1 (555) 0123",
                English,
                "plus one, five five five, zero one two three",
            ),
            (SayAs::Telephone, None, "119", Chinese, "幺幺九"),
            (SayAs::Unit, None, "3A", English, "three amperes"),
            (SayAs::Unit, None, "12KG", English, "twelve kilograms"),
        ] {
            assert_eq!(say_as(kind, format, text, language), expected, "{text}");
        }
    }
}
