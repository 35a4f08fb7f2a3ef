//! The languages that the front end knows.

/// A language whose numbers, abbreviations and sentence ends the front end knows.
///
/// Text in any other language is synthesized too: it is treated as the language here that shares its script, or as
/// English for scripts other than Cyrillic and Chinese, as in the official front end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Language {
    /// Russian, and Cyrillic text in general.
    Russian,
    /// English, and everything else.
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
}
