//! Addresses in English: house numbers, points of the compass, kinds of street, states and zip codes.

use super::{
    English,
    abbreviations::is_saint,
    numerals::{digits, in_pairs},
};
use crate::normalize::{figures, reader::Reader};

/// Short kinds of street, what they stand for, and whether they are that without a look at what is beside them.
const STREETS: [(&str, &str, bool); 30] = [
    ("St", "Street", false),
    ("st", "Street", false),
    ("ST", "Street", false),
    ("Ave", "Avenue", true),
    ("ave", "Avenue", true),
    ("AVE", "Avenue", true),
    ("Av", "Avenue", false),
    ("Rd", "Road", true),
    ("rd", "Road", true),
    ("RD", "Road", true),
    ("Blvd", "Boulevard", true),
    ("blvd", "Boulevard", true),
    ("BLVD", "Boulevard", true),
    ("Dr", "Drive", false),
    ("dr", "Drive", false),
    ("Ln", "Lane", true),
    ("ln", "Lane", true),
    ("Ct", "Court", true),
    ("ct", "Court", false),
    ("Pl", "Place", false),
    ("Sq", "Square", false),
    ("Hwy", "Highway", true),
    ("hwy", "Highway", true),
    ("HWY", "Highway", true),
    ("Pkwy", "Parkway", true),
    ("Fwy", "Freeway", true),
    ("Expy", "Expressway", true),
    ("Ter", "Terrace", false),
    ("Cir", "Circle", false),
    ("Trl", "Trail", true),
];

/// Kinds of street in full, which end a street's name as well.
const FULL: [&str; 16] = [
    "Street",
    "Avenue",
    "Road",
    "Boulevard",
    "Drive",
    "Lane",
    "Court",
    "Place",
    "Square",
    "Highway",
    "Parkway",
    "Way",
    "Terrace",
    "Circle",
    "Broadway",
    "Trail",
];

const COMPASS: [(&str, &str); 8] = [
    ("N", "North"),
    ("S", "South"),
    ("E", "East"),
    ("W", "West"),
    ("NE", "Northeast"),
    ("NW", "Northwest"),
    ("SE", "Southeast"),
    ("SW", "Southwest"),
];

const STATES: [(&str, &str); 51] = [
    ("AL", "Alabama"),
    ("AK", "Alaska"),
    ("AZ", "Arizona"),
    ("AR", "Arkansas"),
    ("CA", "California"),
    ("CO", "Colorado"),
    ("CT", "Connecticut"),
    ("DE", "Delaware"),
    ("DC", "D C"),
    ("FL", "Florida"),
    ("GA", "Georgia"),
    ("HI", "Hawaii"),
    ("ID", "Idaho"),
    ("IL", "Illinois"),
    ("IN", "Indiana"),
    ("IA", "Iowa"),
    ("KS", "Kansas"),
    ("KY", "Kentucky"),
    ("LA", "Louisiana"),
    ("ME", "Maine"),
    ("MD", "Maryland"),
    ("MA", "Massachusetts"),
    ("MI", "Michigan"),
    ("MN", "Minnesota"),
    ("MS", "Mississippi"),
    ("MO", "Missouri"),
    ("MT", "Montana"),
    ("NE", "Nebraska"),
    ("NV", "Nevada"),
    ("NH", "New Hampshire"),
    ("NJ", "New Jersey"),
    ("NM", "New Mexico"),
    ("NY", "New York"),
    ("NC", "North Carolina"),
    ("ND", "North Dakota"),
    ("OH", "Ohio"),
    ("OK", "Oklahoma"),
    ("OR", "Oregon"),
    ("PA", "Pennsylvania"),
    ("RI", "Rhode Island"),
    ("SC", "South Carolina"),
    ("SD", "South Dakota"),
    ("TN", "Tennessee"),
    ("TX", "Texas"),
    ("UT", "Utah"),
    ("VT", "Vermont"),
    ("VA", "Virginia"),
    ("WA", "Washington"),
    ("WV", "West Virginia"),
    ("WI", "Wisconsin"),
    ("WY", "Wyoming"),
];

/// Points of the compass that winds blow from.
const WINDS: [(&str, &str); 16] = [
    ("N", "north"),
    ("S", "south"),
    ("E", "east"),
    ("W", "west"),
    ("NE", "northeast"),
    ("NW", "northwest"),
    ("SE", "southeast"),
    ("SW", "southwest"),
    ("NNE", "north-northeast"),
    ("NNW", "north-northwest"),
    ("SSE", "south-southeast"),
    ("SSW", "south-southwest"),
    ("ENE", "east-northeast"),
    ("ESE", "east-southeast"),
    ("WNW", "west-northwest"),
    ("WSW", "west-southwest"),
];

/// Words of the longest name of a town.
const LONGEST_TOWN: usize = 4;

/// Codes of states that are words or common letters too: a state only before a zip code.
const DOUBTFUL: [&str; 4] = ["HI", "ME", "OH", "OK"];

/// Longest name of a street, in tokens.
const STREET_TOKENS: usize = 12;

/// True if `word` before `Dr.` is no word that speaks of a doctor: `The Dr. is in`.
fn is_name_of_street(word: &str) -> bool {
    const OTHERS: [&str; 18] = [
        "The", "A", "Our", "My", "Your", "His", "Her", "Their", "This", "That", "See", "Ask",
        "Call", "Dear", "Hello", "Hi", "And", "If",
    ];
    word.len() > 1 && !OTHERS.contains(&word)
}

fn state(code: &str) -> Option<&'static str> {
    STATES
        .iter()
        .find(|(short, _)| *short == code)
        .map(|(_, name)| *name)
}

fn compass(letter: &str) -> Option<&'static str> {
    COMPASS
        .iter()
        .find(|(short, _)| *short == letter)
        .map(|(_, name)| *name)
}

impl Reader<'_, English> {
    /// A word of an address at `at`, with its full stop.
    pub(super) fn place(&mut self, at: usize) -> Option<usize> {
        let word = self.tokens.text(at);
        if word.len() > 4 || !word.is_ascii() {
            return None;
        }
        let (said, end) = self
            .street(at)
            .or_else(|| self.floor(at))
            .or_else(|| self.direction(at))
            .or_else(|| self.wind(at).map(|name| (name, at + 1)))
            .or_else(|| self.state(at).map(|name| (name, at + 1)))?;
        self.out.say(said);
        Some(end)
    }

    /// True if the word at `at` is a kind of street, short or in full.
    pub(super) fn is_kind_of_street(&self, at: usize) -> bool {
        let word = self.tokens.text(at);
        STREETS.iter().any(|(short, ..)| *short == word) || FULL.contains(&word)
    }

    /// `3rd Fl.`: a floor behind its ordinal.
    fn floor(&self, at: usize) -> Option<(&'static str, usize)> {
        let full = match self.tokens.text(at) {
            "Fl" | "Flr" => "Floor",
            "fl" | "flr" => "floor",
            _ => return None,
        };
        let behind_ordinal = at >= 3
            && matches!(self.tokens.cased_word_before(at), "st" | "nd" | "rd" | "th")
            && self.tokens.number(at - 3).is_some();
        behind_ordinal.then(|| (full, self.past_short_stop(at + 1)))
    }

    /// The index after the full stop at `at`, unless it ends the sentence too.
    fn past_short_stop(&self, at: usize) -> usize {
        let follows = self.tokens.skip_space(at + 1);
        let direction = compass(self.tokens.text(follows)).is_some()
            && !self.tokens.is_word(self.tokens.skip_space(follows + 1));
        // `Ave. A`
        let name = self.tokens.text(follows);
        let lettered = name.len() == 1
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && !self.tokens.is_word(self.tokens.skip_space(follows + 1));
        let is_short = direction || lettered || !self.tokens.ends_sentence(at);
        at + usize::from(self.tokens.text(at) == "." && is_short)
    }

    /// `St` behind a name or an ordinal.
    fn street(&self, at: usize) -> Option<(&'static str, usize)> {
        let word = self.tokens.text(at);
        let (_, full, certain) = STREETS.iter().find(|(short, ..)| *short == word)?;
        // `MLK Jr. Dr.`
        let behind_junior = at >= 3
            && self.tokens.text(at - 2) == "."
            && matches!(self.tokens.text(at - 3), "Jr" | "Sr");
        let before = match behind_junior {
            true => self.tokens.text(at - 3),
            false => self.tokens.cased_word_before(at),
        };
        let behind_ordinal = at >= 3
            && matches!(before, "st" | "nd" | "rd" | "th")
            && self.tokens.number(at - 3).is_some();
        let behind_name = before.starts_with(char::is_uppercase);
        if !behind_ordinal && !behind_name
            || self.tokens.kind(at - 1) != Some(crate::normalize::lex::Kind::Space)
        {
            return None;
        }
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let next = self.tokens.text(self.tokens.skip_space(at + 1 + stop));
        let name_follows =
            stop == 0 && next.starts_with(char::is_uppercase) && compass(next).is_none();
        let in_address = behind_ordinal || self.house_before(at);
        let ends = next.is_empty() || matches!(next, "," | "." | ";" | ")");
        let is_street = *certain
            || in_address
            || match word {
                // `King's Cross St. Pancras`
                "St" => !name_follows && !is_saint(next),
                // `Elm Dr.` ends with its street; a doctor's name would follow: `Elm Dr. is closed`.
                "Dr" => {
                    ends && (stop == 0 || next.is_empty() || next == ",")
                        || next.starts_with(char::is_lowercase) && is_name_of_street(before)
                }
                "Pl" | "Sq" | "Ter" | "Cir" | "Av" => ends,
                _ => false,
            };
        is_street.then(|| (*full, self.past_short_stop(at + 1)))
    }

    /// True if a house number stands in the few tokens before `at`.
    fn house_before(&self, at: usize) -> bool {
        (at.saturating_sub(STREET_TOKENS)..at)
            .rev()
            .take_while(|i| !matches!(self.tokens.text(*i), "," | ";" | "!" | "?"))
            .any(|i| self.tokens.number(i).is_some() && self.is_house_number(i))
    }

    /// True if the number at `at` is followed by the name of a street: names and ordinals, then the kind.
    pub(super) fn is_house_number(&self, at: usize) -> bool {
        self.is_followed_by_street(at + 1)
            && self
                .tokens
                .number(at)
                .is_some_and(|digits| digits.len() <= 5 && !digits.starts_with('0'))
    }

    /// True if the name of a street follows the house number that ends before `end`.
    fn is_followed_by_street(&self, end: usize) -> bool {
        let mut names = 0;
        let mut i = end;
        let is_blank = |i: usize| self.tokens.text(i) == " ";
        while is_blank(i) && i < end + STREET_TOKENS {
            let word = self.tokens.text(i + 1);
            let is_kind = STREETS.iter().any(|(short, ..)| *short == word) || FULL.contains(&word);
            if is_kind && names > 0 {
                return true;
            }
            if self.tokens.number(i + 1).is_some() && self.tokens.is_word(i + 2) {
                i += 3;
            } else if word.starts_with(char::is_uppercase) {
                i += 2;
                i += usize::from(word.len() <= 2 && self.tokens.text(i) == ".");
            } else {
                return false;
            }
            names += usize::from(compass(word).is_none());
        }
        false
    }

    /// `N` between a house number and a street, or behind a street.
    fn direction(&self, at: usize) -> Option<(&'static str, usize)> {
        let full = compass(self.tokens.text(at))?;
        if self.is_before_numbered_street(at) {
            return Some((full, at + 1 + usize::from(self.tokens.text(at + 1) == ".")));
        }
        // `N. Main St. is closed`
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let of_name = at > 1 && matches!(self.tokens.text(at - 2), "." | "&");
        let one = self.tokens.text(at).len() == 1;
        if one && !of_name && self.is_followed_by_street(at + 1 + stop) {
            return Some((full, at + 1 + stop));
        }
        let space = at.checked_sub(1).filter(|i| self.tokens.text(*i) == " ")?;
        let before = space.checked_sub(1)?;
        if self.tokens.number(before).is_some() && self.is_number_of_road(before) {
            let stop = self.tokens.text(at + 1) == "." && !self.tokens.ends_sentence(at + 1);
            return Some((full, at + 1 + usize::from(stop)));
        }
        let behind_house = self.tokens.number(before).is_some() && self.is_house_number(before);
        let street = if self.tokens.text(before) == "." {
            before.checked_sub(1)?
        } else {
            before
        };
        let word = self.tokens.text(street);
        let is_kind = STREETS.iter().any(|(short, ..)| *short == word) || FULL.contains(&word);
        let next = self.tokens.text(self.tokens.skip_space(at + 1));
        let ends = next.is_empty() || matches!(next, "," | "." | ";" | ")");
        // `2nd St. N`
        let behind_ordinal = street >= 3
            && matches!(
                self.tokens.cased_word_before(street),
                "st" | "nd" | "rd" | "th"
            );
        let in_address = behind_ordinal || self.house_before(at);
        (behind_house || is_kind && ends && in_address).then(|| {
            let stop = self.tokens.text(at + 1) == "."
                && (behind_house || !self.tokens.ends_sentence(at + 1));
            (full, at + 1 + usize::from(stop))
        })
    }

    /// True if the number at `at` names a road: `I-95`, `Hwy 101`, `Rte. 9`, `US 1`.
    pub(super) fn is_number_of_road(&self, at: usize) -> bool {
        let hyphened = at >= 2
            && self.tokens.text(at - 1) == "-"
            && matches!(self.tokens.text(at - 2), "I" | "US" | "SR");
        // `Rte. 9`
        let stop = at.wrapping_sub(2);
        let at = match self.tokens.text(stop) {
            "." if self.tokens.text(stop + 1) == " " => stop,
            _ => at,
        };
        let is_code = matches!(
            self.tokens.cased_word_before(at),
            "US" | "SR" | "CR" | "FM" | "PA" | "NY" | "NJ"
        );
        hyphened
            || is_code
            || matches!(
                self.tokens.word_before(at).as_str(),
                "interstate" | "highway" | "hwy" | "route" | "rte" | "rt" | "exit" | "turnpike"
            )
    }

    /// True if a street with a number follows the point of the compass at `at`: `W 34th St`.
    fn is_before_numbered_street(&self, at: usize) -> bool {
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let number = at + 2 + stop;
        let kind = self.tokens.text(number + 3);
        self.tokens.text(number - 1) == " "
            && self.tokens.number(number).is_some()
            && matches!(self.tokens.text(number + 1), "st" | "nd" | "rd" | "th")
            && (STREETS.iter().any(|(short, ..)| *short == kind) || FULL.contains(&kind))
    }

    /// `FL` behind a town, or before a zip code.
    fn state(&self, at: usize) -> Option<&'static str> {
        let code = self.tokens.text(at);
        let name = state(code)?;
        let space = at.checked_sub(1).filter(|i| self.tokens.text(*i) == " ")?;
        let comma = space.checked_sub(1).filter(|i| self.tokens.text(*i) == ",");
        let town = comma.unwrap_or(space).checked_sub(1)?;
        // `Elm St., NY`
        let stop = usize::from(comma.is_some() && self.tokens.text(town) == ".");
        let town = town.checked_sub(stop)?;
        let behind_town =
            self.tokens.text(town).starts_with(char::is_uppercase) && self.tokens.is_word(town);
        let next = at + 1;
        let zip = self
            .tokens
            .skip_space(next + usize::from(self.tokens.text(next) == ","));
        let zip_follows = self.tokens.number(zip).is_some_and(|zip| zip.len() == 5);
        let ends = next >= self.tokens.len()
            || matches!(self.tokens.text(next), "," | "." | ")" | ";" | "!" | "?");
        let alone = comma.is_some()
            && (ends && !DOUBTFUL.contains(&code) || self.follows_place_and_goes_on(town, next));
        (behind_town && (zip_follows || alone)).then_some(name)
    }

    /// `to Denver, CO and`, `from Gary, IN is`: a preposition of place stands before the town whose last word is at `town`,
    /// and a small word at `next`.
    fn follows_place_and_goes_on(&self, town: usize, next: usize) -> bool {
        let goes_on = self.tokens.text(next) == " "
            && self
                .tokens
                .text(next + 1)
                .starts_with(|c: char| c.is_ascii_lowercase());
        let mut at = town;
        let mut words = 0;
        while words < LONGEST_TOWN
            && self.tokens.is_word(at)
            && self.tokens.text(at).starts_with(char::is_uppercase)
            && at >= 2
            && self.tokens.text(at - 1) == " "
        {
            at -= 2;
            words += 1;
        }
        let before = self.tokens.text(at);
        goes_on
            && words > 0
            && matches!(
                before,
                "to" | "from" | "in" | "at" | "near" | "via" | "through" | "and" | "or" | "of"
            )
    }

    /// `Winds NW 10 mph`, `SSW winds`, `head NE on I-80`: a point of the compass beside a word of wind or of a way.
    fn wind(&self, at: usize) -> Option<&'static str> {
        let code = self.tokens.text(at);
        let (_, name) = WINDS.iter().find(|(short, _)| *short == code)?;
        let is_wind = |word: &str| {
            matches!(
                word.to_lowercase().as_str(),
                "wind" | "winds" | "breeze" | "breezes" | "gust" | "gusts" | "gale" | "gales"
            )
        };
        let colon = at >= 2 && self.tokens.text(at - 1) == " " && self.tokens.text(at - 2) == ":";
        let before = match colon {
            true => self.tokens.cased_word_before(at - 2),
            false => self.tokens.cased_word_before(at),
        };
        let next = self.tokens.text(self.tokens.skip_space(at + 1));
        let way = code.len() > 1
            && matches!(
                before.to_lowercase().as_str(),
                "head" | "heading" | "drive" | "travel" | "traveling" | "moving" | "go"
            );
        // `12 mi. NE of Ridgecrest`
        let stop = usize::from(at >= 2 && self.tokens.text(at - 2) == ".");
        let unit = self.tokens.cased_word_before(at - 2 * stop);
        let away = next == "of" && matches!(unit, "mi" | "mile" | "miles" | "km" | "kilometers");
        (is_wind(before) || is_wind(next) || way || away).then_some(*name)
    }

    /// A house number in pairs, or a zip code digit by digit.
    pub(super) fn number_of_address(&mut self, at: usize) -> Option<usize> {
        let number = self.tokens.number(at)?;
        if number.len() == 5 && self.is_zip(at) {
            self.out.say(&digits(number));
            if self.tokens.text(at + 1) == "-"
                && let Some(more) = self.tokens.number(at + 2).filter(|more| more.len() == 4)
            {
                self.out.say(", ");
                self.out.say(&digits(more));
                return Some(at + 3);
            }
            return Some(at + 1);
        }
        let before = self.tokens.text(at.wrapping_sub(1));
        // `221B Baker St`
        let is_lettered = self.tokens.text(at + 1).len() == 1
            && self.tokens.text(at + 1).starts_with(char::is_uppercase)
            && self.is_followed_by_street(at + 2);
        if !matches!(before, "" | " " | "(" | "\"")
            || number.len() < 3
            || !self.is_house_number(at) && !is_lettered
        {
            return None;
        }
        let value = figures::integer(number)?;
        self.out.say(&if number.len() == 5 {
            digits(number)
        } else {
            in_pairs(value)
        });
        Some(at + 1)
    }

    /// True if a state stands before the number at `at`.
    fn is_zip(&self, at: usize) -> bool {
        let Some(space) = at.checked_sub(1).filter(|i| self.tokens.text(*i) == " ") else {
            return false;
        };
        let comma = space.checked_sub(1).filter(|i| self.tokens.text(*i) == ",");
        let word = self.tokens.text(comma.unwrap_or(space).wrapping_sub(1));
        let is_state = |name: &str| name.rsplit(' ').next() == Some(word);
        state(word).is_some() || word.len() > 3 && STATES.iter().any(|(_, name)| is_state(name))
    }
}
