//! Words that govern numbers: prepositions, comparatives, verbs and nouns, from `data/governing.tsv`.

use std::sync::LazyLock;

use super::{
    data::{self, ByWord},
    numerals::Case,
};

const TABLE: &str = include_str!("data/governing.tsv");

/// Words that govern, with the cases they ask for.
struct Governing {
    words: ByWord<&'static str, Vec<Case>>,
    /// First letters of words by the very first one, in the table's order: most words begin as none of them.
    beginnings: ByWord<char, Vec<(&'static str, Vec<Case>)>>,
}

static GOVERNING: LazyLock<Governing> = LazyLock::new(|| {
    let all = data::entries(TABLE, parse);
    let (begin, words): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|(word, _)| word.ends_with('*'));
    let mut beginnings: ByWord<char, Vec<_>> = ByWord::default();
    for (word, cases) in begin {
        let word = word.trim_end_matches('*');
        if let Some(first) = word.chars().next() {
            beginnings.entry(first).or_default().push((word, cases));
        }
    }
    Governing {
        words: words.into_iter().collect(),
        beginnings,
    }
});

fn parse([word, cases]: [&'static str; 2]) -> Result<(&'static str, Vec<Case>), String> {
    let case = |name: &str| match name {
        "именительный" => Ok(Case::Nominative),
        "родительный" => Ok(Case::Genitive),
        "дательный" => Ok(Case::Dative),
        "винительный" => Ok(Case::Accusative),
        "творительный" => Ok(Case::Instrumental),
        "предложный" => Ok(Case::Prepositional),
        _ => Err(format!("{name} is no case")),
    };
    let cases: Result<Vec<Case>, String> = cases.split(' ').map(case).collect();
    Ok((word, cases?))
}

/// The cases that a preposition, or another word that governs numbers, asks for, the one of bare amounts first; empty where
/// it governs none.
pub(super) fn cases(word: &str) -> &'static [Case] {
    if word.is_empty() {
        return &[];
    }
    if let Some(cases) = GOVERNING.words.get(word) {
        return cases;
    }
    let first = word.chars().next().unwrap_or_default();
    let beginnings = GOVERNING.beginnings.get(&first);
    let mut begins = beginnings.into_iter().flatten();
    begins
        .find(|(beginning, _)| word.starts_with(beginning))
        .map_or(&[], |(_, cases)| cases.as_slice())
}

/// The cases of a place after `word`: *на улице* rather than *на улицу*.
pub(super) fn place_cases(word: &str) -> &'static [Case] {
    match word {
        "в" | "во" | "на" => &[Case::Prepositional, Case::Accusative],
        "по" => &[Case::Dative, Case::Accusative, Case::Prepositional],
        _ => cases(word),
    }
}

/// The case that a bare amount takes after `word`; `None` where that governs none.
pub(super) fn governed(word: &str) -> Option<Case> {
    cases(word).first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_governs() {
        let complaints =
            data::complaints("data/governing.tsv", TABLE, parse, |[word, _]| word.into());
        assert!(complaints.is_empty(), "{complaints}");
    }

    #[test]
    fn words_and_beginnings_of_words_govern() {
        assert_eq!(governed("до"), Some(Case::Genitive));
        assert_eq!(governed("составляло"), Some(Case::Accusative));
        assert_eq!(place_cases("на")[0], Case::Prepositional);
        assert_eq!(governed("вагон"), None);
    }
}
