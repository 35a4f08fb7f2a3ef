//! The language of a text, detected by its script.

use crate::{
    Language,
    normalize::{is_address, is_unit},
};

impl Language {
    /// The language whose letters `text` is written in; `None` if no letter is characteristic.
    ///
    /// A Russian sentence may hold a good deal of Latin (names, brands) and a Chinese one of both, not the other way
    /// round: the script that has at least a fifth of the letters wins in this order, a Chinese one counting as two.
    /// Fewer Cyrillic letters are enough where the sentence begins with them or a Russian preposition joins its words, and no
    /// English one does: `Playstation 5 за 49 990 ₽`.
    /// Latin letters of a unit behind a number, of a currency beside one and of an address are those of every language
    /// and count for none: `-15°C` and `BTC: 97 350 $` have no language.
    pub fn detect(text: &str) -> Option<Self> {
        let mut letters = Letters::default();
        for (start, run) in runs(text) {
            letters.count(text, start, run);
        }
        let all = letters.han + letters.cyrillic + letters.other;
        if all == 0 {
            None
        } else if 5 * letters.han >= all {
            Some(Self::Chinese)
        } else if 5 * letters.cyrillic >= all || letters.cyrillic > 0 && is_russian(text) {
            Some(Self::Russian)
        } else {
            Some(Self::English)
        }
    }
}

/// True if what joins the words of `text`, or its first word, is Russian and no word that joins is English.
fn is_russian(text: &str) -> bool {
    const ENGLISH: [&str; 19] = [
        "the", "a", "an", "of", "is", "are", "was", "to", "and", "in", "on", "at", "for", "with",
        "from", "by", "it", "this", "that",
    ];
    const RUSSIAN: [&str; 22] = [
        "в",
        "во",
        "на",
        "за",
        "с",
        "со",
        "к",
        "по",
        "до",
        "от",
        "из",
        "у",
        "о",
        "и",
        "или",
        "а",
        "но",
        "не",
        "для",
        "при",
        "без",
        "через",
    ];
    let mut words = text
        .split(|c: char| !c.is_alphabetic())
        .filter(|word| !word.is_empty())
        .peekable();
    let begins = words
        .peek()
        .is_some_and(|word| word.starts_with(|c| matches!(c, '\u{400}'..='\u{52f}')));
    let mut joined = begins;
    for word in words {
        let small = word.to_lowercase();
        if ENGLISH.contains(&small.as_str()) {
            return false;
        }
        joined |= RUSSIAN.contains(&small.as_str());
    }
    joined
}

/// Letters counted by script, a Chinese one as two.
#[derive(Default)]
struct Letters {
    han: usize,
    cyrillic: usize,
    other: usize,
}

impl Letters {
    /// Adds the letters of `run`, which stands at byte `start` of `text`.
    fn count(&mut self, text: &str, start: usize, run: &str) {
        if is_address(run) {
            return;
        }
        let mut at = 0;
        while let Some(c) = run[at..].chars().next() {
            let rest = &run[at..];
            let length = rest
                .find(|c: char| !is_symbol_letter(c))
                .unwrap_or(rest.len());
            if length > 0 {
                if !is_international(text, start + at, length) {
                    self.other += rest[..length].chars().count();
                }
                at += length;
                continue;
            }
            match c {
                '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => self.han += 2,
                '\u{400}'..='\u{52f}' => self.cyrillic += 1,
                _ => self.other += usize::from(c.is_alphabetic()),
            }
            at += c.len_utf8();
        }
    }
}

/// Letters that symbols of units and currencies are written with.
fn is_symbol_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || matches!(c, 'µ' | 'μ' | 'Ω')
}

/// The runs of `text` between blanks, and where they start.
fn runs(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut start = 0;
    text.split_inclusive(char::is_whitespace).map(move |run| {
        let from = start;
        start += run.len();
        (from, run)
    })
}

/// True if the Latin letters at `start` are a unit behind a number or a currency beside one.
fn is_international(text: &str, start: usize, length: usize) -> bool {
    let word = &text[start..start + length];
    let amount = |c: char| c.is_numeric() || "$€£¥₽₴₿°%/·⋅-−".contains(c);
    let before = text[..start].trim_end_matches([' ', '\u{a0}', '\u{202f}']);
    let after =
        text[start + length..].trim_start_matches([' ', '\u{a0}', '\u{202f}', ':', '=', '—', '–']);
    let follows_number = before.ends_with(amount);
    let is_scale =
        || matches!(word, "C" | "F" | "K") && before.ends_with(['°', 'º']) || is_unit(word);
    let code = length == 3 && CURRENCIES.contains(&word) || matches!(word, "USDT" | "USDC");
    follows_number && is_scale() || code && (follows_number || after.starts_with(amount))
}

/// Codes of currencies that stand beside amounts in every language.
const CURRENCIES: [&str; 30] = [
    "USD", "EUR", "RUB", "RUR", "GBP", "JPY", "CNY", "RMB", "CHF", "KZT", "BYN", "UAH", "TRY",
    "AED", "INR", "KRW", "AUD", "CAD", "HKD", "SGD", "PLN", "CZK", "SEK", "NOK", "BTC", "ETH",
    "TON", "BNB", "XRP", "SOL",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn script_tells_the_language_of_mixed_sentences() {
        for (text, language) in [
            ("Привет, как дела?", Some(Language::Russian)),
            ("USB-камера online", Some(Language::Russian)),
            (
                "Модель Fun-CosyVoice3-0.5B-2512 вышла",
                Some(Language::Russian),
            ),
            (
                "The Russian word \"да\" simply means yes.",
                Some(Language::English),
            ),
            ("The word и is Russian for and.", Some(Language::English)),
            ("Ça va bien", Some(Language::English)),
            ("你好，世界。", Some(Language::Chinese)),
            ("我用 GStreamer 播放", Some(Language::Chinese)),
            ("Иероглиф 水 означает воду", Some(Language::Russian)),
            ("12:30 — ?", None),
            ("-15°C.", None),
            ("0 °C, 1 °C", None),
            ("60 km/h", None),
            ("BTC: 97 350 $", None),
            ("USD = 92,5; EUR 101", None),
            (
                "Сайт https://long-name.example.com/path?query=1",
                Some(Language::Russian),
            ),
            ("Пишите: support-team@example.com", Some(Language::Russian)),
            ("Будет 5 °C", Some(Language::Russian)),
            ("Vitamin C", Some(Language::English)),
            ("OK", Some(Language::English)),
            ("", None),
        ] {
            assert_eq!(Language::detect(text), language, "{text}");
        }
    }

    #[test]
    fn an_address_or_a_unit_leaves_a_russian_sentence_russian() {
        for text in [
            "Сайт: www.gosuslugi.ru.",
            "См. rzd.ru.",
            "Пишите: info@example.com",
            "Адрес example-company-with-long-name.com открыт.",
            "Т. 8-800-555-35-35, wi-fi.example.org",
            "Зайдите на https://www.example.com/very/long/path/index.html",
            "Почта: very.long.address@mail.example-company.com",
            "Наш телеграм: t.me/example_channel",
            "Код на shop.example.com/sale?item=12345&color=red",
            "Да: www.example.com и www.example.org и www.example.net",
            "5 км до example.com",
            "Мы на youtube.com/watch?v=abcdefghijk",
            "Файл лежит на ftp://files.example.com/pub/release/file.zip",
            "Билеты: tickets.example.ru",
            "Ждём: hello@kassa.example.ru, sales@kassa.example.ru",
            "Запись на doctor.example.com",
            "Меню: http://menu.example.com/",
            "Вход: https://wifi.example.com/login",
            "Оплата: pay.example.com/invoice/2026/11/30",
            "Скорость 100 Mbps",
            "Температура -15 °C",
            "Курс: 97 USD",
            "Давление 760 mmHg",
            "Частота 5 GHz",
            "Поезд ICE 502",
            "Рейс SU 1402",
            "Рейс BA117 в London",
            "Магазин IKEA",
            "Кафе Starbucks Coffee",
            "Станция Wi-Fi",
            "Пишите на help@example.com!",
            "Скачайте на play.google.com/store/apps/details",
            "Подкаст: podcasts.example.com/ru",
            "Отзывы: otzyv@example.com (круглосуточно)",
            "Справка: spravka.example.ru/faq#top",
            "Видео: vimeo.com/123456789",
            "Группа: vk.com/example",
            "Playstation 5 за 49 990 ₽",
            "Рейс Turkish Airlines TK 415",
            "Установите Python 3.11",
            "Сайт https://example.com/a.b?c=1.",
            "Samsung Galaxy S24 и iPhone 15",
        ] {
            assert_eq!(Language::detect(text), Some(Language::Russian), "{text}");
        }
    }

    #[test]
    fn tags_name_languages() {
        assert_eq!(Language::from_tag("ru-RU"), Some(Language::Russian));
        assert_eq!(Language::from_tag("EN_gb"), Some(Language::English));
        assert_eq!(Language::from_tag("zh"), Some(Language::Chinese));
        assert_eq!(Language::from_tag("de"), None);
        assert_eq!(Language::from_tag(""), None);
    }
}
