//! Units, currencies and powers of thousand as they are written after numbers.

use std::sync::LazyLock;

use super::{
    data::{self, ByWord},
    nouns::Noun,
};

const UNITS: &str = include_str!("data/units.tsv");
const CURRENCIES: &str = include_str!("data/currencies.tsv");

/// The part that a full stop has in an abbreviation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    Never,
    Maybe,
    Always,
}

impl Stop {
    fn parse(column: &str) -> Result<Self, String> {
        match column {
            "-" => Ok(Self::Never),
            "." => Ok(Self::Maybe),
            "!" => Ok(Self::Always),
            _ => Err(format!("full stop {column} is none of - . !")),
        }
    }
}

/// A property of a unit besides its noun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Length,
    Time,
    Letter,
}

/// A unit of measurement.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    pub noun: Noun,
    stop: Stop,
    kind: Kind,
}

impl Unit {
    /// True if it is a unit with a full stop only: `сот.`.
    pub fn needs_stop(&self) -> bool {
        self.stop == Stop::Always
    }

    /// True if a full stop may belong to it.
    pub fn takes_stop(&self) -> bool {
        self.stop != Stop::Never
    }

    /// True if it can be squared and cubed.
    pub fn is_length(&self) -> bool {
        self.kind == Kind::Length
    }

    /// True if rates are given per this unit: *в час*.
    pub fn is_time(&self) -> bool {
        self.kind == Kind::Time
    }

    /// True if it could be a letter that distinguishes things with one number.
    pub fn may_be_letter(&self) -> bool {
        self.kind == Kind::Letter
    }

    /// The measure of a rate: *в час*, *на литр*, of a price *за литр*.
    pub fn rate(&self, of_price: bool) -> String {
        let preposition = match (self.kind, of_price) {
            (Kind::Time, _) => "в",
            (_, true) => "за",
            (_, false) => "на",
        };
        format!("{preposition} {}", self.noun.one())
    }
}

/// A currency.
#[derive(Debug, Clone)]
pub(super) struct Currency {
    pub noun: Noun,
    pub coin: Option<Noun>,
    stop: Stop,
}

impl Currency {
    /// True if a full stop may belong to its abbreviation.
    pub fn takes_stop(&self) -> bool {
        self.stop != Stop::Never
    }
}

static BY_SHORT: LazyLock<ByWord<&'static str, Unit>> =
    LazyLock::new(|| data::entries(UNITS, parse_unit).into_iter().collect());
static BY_SIGN: LazyLock<ByWord<&'static str, Currency>> = LazyLock::new(|| {
    data::entries(CURRENCIES, parse_currency)
        .into_iter()
        .collect()
});

/// The unit that `word` abbreviates; in capitals throughout it is the one in small letters.
pub(super) fn unit(word: &str) -> Option<&'static Unit> {
    let found = BY_SHORT.get(word);
    let shouted = || word.chars().count() > 1 && word.chars().all(char::is_uppercase);
    match found {
        None if shouted() => BY_SHORT.get(word.to_lowercase().as_str()),
        found => found,
    }
}

/// The currency of a sign, code or abbreviation.
pub(super) fn currency(sign: &str) -> Option<&'static Currency> {
    BY_SIGN.get(sign)
}

/// The power of thousand that `word` abbreviates after a number.
pub(super) fn multiplier(word: &str) -> Option<Noun> {
    let name = match word {
        "тыс" => "тысяча",
        "млн" => "миллион",
        "млрд" => "миллиард",
        "трлн" => "триллион",
        _ => return None,
    };
    Noun::named(name)
}

fn noun(name: &'static str) -> Result<Noun, String> {
    let (adjective, name) = name.split_once('|').unwrap_or(("", name));
    let noun = Noun::named(name).map(|noun| noun.with_adjective(adjective));
    noun.ok_or_else(|| format!("{name} does not begin with a noun of nouns.tsv"))
}

fn parse_unit(
    [short, name, stop, kind]: [&'static str; 4],
) -> Result<(&'static str, Unit), String> {
    let kind = match kind {
        "-" => Kind::Plain,
        "длина" => Kind::Length,
        "время" => Kind::Time,
        "слитно" => Kind::Letter,
        _ => return Err(format!("kind {kind} is none of длина, время, слитно, -")),
    };
    let noun = noun(name)?;
    let stop = Stop::parse(stop)?;
    Ok((short, Unit { noun, stop, kind }))
}

fn parse_currency(
    [sign, name, coin, stop]: [&'static str; 4],
) -> Result<(&'static str, Currency), String> {
    let coin = (coin != "-").then(|| noun(coin)).transpose()?;
    let noun = noun(name)?;
    let stop = Stop::parse(stop)?;
    Ok((sign, Currency { noun, coin, stop }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_tables_is_a_unit_or_a_currency() {
        let units = data::complaints("data/units.tsv", UNITS, parse_unit, |[short, ..]| {
            short.into()
        });
        let currencies = data::complaints(
            "data/currencies.tsv",
            CURRENCIES,
            parse_currency,
            |[sign, ..]| sign.into(),
        );
        assert!(
            units.is_empty() && currencies.is_empty(),
            "{units}{currencies}"
        );
    }

    #[test]
    fn rates_are_told_in_time_and_by_the_piece() {
        assert_eq!(unit("мин").unwrap().rate(false), "в минуту");
        assert_eq!(unit("кг").unwrap().rate(true), "за килограмм");
        assert_eq!(unit("КГ").unwrap().rate(false), "на килограмм");
    }
}
