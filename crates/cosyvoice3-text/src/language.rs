//! Which language a text is in, told by its script.

/// A language whose numbers, abbreviations and sentence ends the front end knows.
///
/// Text in any other language is spoken too: it is treated as the one here that shares its script, which for other
/// scripts than Cyrillic and Chinese is English, as in the official front end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// Russian, and Cyrillic text altogether.
    Russian,
    /// English, and all that is neither of the others.
    English,
    /// Chinese.
    Chinese,
}

impl Language {
    /// The language of a BCP 47 tag such as `ru` or `en-GB`; `None` for languages not known here.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split(['-', '_']).next()?;
        [Self::Russian, Self::English, Self::Chinese]
            .into_iter()
            .find(|language| primary.eq_ignore_ascii_case(language.tag()))
    }

    /// The BCP 47 tag: `ru`, `en` or `zh`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Russian => "ru",
            Self::English => "en",
            Self::Chinese => "zh",
        }
    }

    /// The language whose letters `text` is written in; `None` where it has no letters.
    ///
    /// A Russian sentence may hold a good deal of Latin (names, brands) and a Chinese one of both, not the other way
    /// round: the script that has at least a fifth of the letters wins in this order, a Chinese one counting as two.
    pub fn detect(text: &str) -> Option<Self> {
        let (mut han, mut cyrillic, mut other) = (0_usize, 0_usize, 0_usize);
        for c in text.chars() {
            match c {
                '\u{4e00}'..='\u{9fff}' | '\u{3400}'..='\u{4dbf}' => han += 2,
                '\u{400}'..='\u{52f}' => cyrillic += 1,
                _ => other += usize::from(c.is_alphabetic()),
            }
        }
        let all = han + cyrillic + other;
        if all == 0 {
            None
        } else if 5 * han >= all {
            Some(Self::Chinese)
        } else if 5 * cyrillic >= all {
            Some(Self::Russian)
        } else {
            Some(Self::English)
        }
    }
}

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
            ("Ça va bien", Some(Language::English)),
            ("你好，世界。", Some(Language::Chinese)),
            ("我用 GStreamer 播放", Some(Language::Chinese)),
            ("Иероглиф 水 означает воду", Some(Language::Russian)),
            ("12:30 — ?", None),
            ("", None),
        ] {
            assert_eq!(Language::detect(text), language, "{text}");
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
