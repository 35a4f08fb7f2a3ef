//! English abbreviations and Roman numerals.

use super::{
    English,
    numerals::{cardinal, ordinal},
};
use crate::normalize::{
    figures::{self, roman},
    lex::Kind,
    reader::Reader,
};

/// Words with a full stop, what they stand for, and whether they may end a sentence.
const ABBREVIATIONS: &[(&str, &str, bool)] = &[
    ("Ms", "Ms", false),
    ("Dr", "Doctor", false),
    ("Mr", "Mister", false),
    ("Mrs", "Missus", false),
    ("Prof", "Professor", false),
    ("Gen", "General", false),
    ("Hon", "Honorable", false),
    ("Maj", "Major", false),
    ("Sen", "Senator", false),
    ("Gov", "Governor", false),
    ("Capt", "Captain", false),
    ("Col", "Colonel", false),
    ("Lt", "Lieutenant", false),
    ("Sgt", "Sergeant", false),
    ("Rev", "Reverend", false),
    ("Jr", "Junior", true),
    ("Sr", "Senior", true),
    ("Mt", "Mount", false),
    ("Pt", "Point", false),
    ("Ft", "Fort", false),
    ("Ave", "Avenue", true),
    ("Rd", "Road", true),
    ("Blvd", "Boulevard", true),
    ("Hwy", "Highway", true),
    ("Bldg", "Building", true),
    ("Inc", "Incorporated", true),
    ("Ltd", "Limited", true),
    ("Corp", "Corporation", true),
    ("Co", "Company", true),
    ("etc", "et cetera", true),
    ("vs", "versus", false),
    ("approx", "approximately", false),
    ("Approx", "Approximately", false),
    ("dept", "department", false),
    ("Dept", "Department", false),
    ("est", "estimated", false),
    ("Est", "Estimated", false),
    ("Pkg", "Package", false),
    ("btwn", "between", false),
    ("wk", "week", true),
    ("wks", "weeks", true),
    ("pts", "points", true),
    ("pkg", "package", false),
    ("Fig", "Figure", false),
    ("fig", "figure", false),
    ("Vol", "Volume", false),
    ("vol", "volume", false),
    ("Ch", "Chapter", false),
    ("Sec", "Section", false),
    ("govt", "government", true),
    ("Attn", "Attention", false),
    ("attn", "attention", false),
    ("ea", "each", true),
    ("doz", "dozen", false),
    ("Acct", "Account", false),
    ("acct", "account", false),
    ("Asst", "Assistant", false),
    ("asst", "assistant", false),
    ("Mgr", "Manager", false),
    ("Hosp", "Hospital", true),
    ("Univ", "University", true),
    ("Intl", "International", false),
    ("Natl", "National", false),
    ("Elem", "Elementary", false),
    ("Dist", "District", true),
    ("Incl", "Including", false),
    ("incl", "including", false),
    ("Excl", "Excluding", false),
    ("excl", "excluding", false),
    ("Temp", "Temperature", false),
    ("temp", "temperature", false),
    ("Qty", "Quantity", false),
    ("qty", "quantity", false),
    ("Amt", "Amount", false),
    ("amt", "amount", false),
    ("bldg", "building", true),
    ("bldgs", "buildings", true),
    ("Bldgs", "Buildings", true),
    ("Conf", "Conference", false),
    ("Hrs", "Hours", false),
    ("Assn", "Association", true),
    ("Bros", "Brothers", true),
    ("Misc", "Miscellaneous", false),
    ("misc", "miscellaneous", false),
    ("Dir", "Director", false),
    ("Pres", "President", false),
    ("Supt", "Superintendent", false),
    ("Cpl", "Corporal", false),
    ("Cmdr", "Commander", false),
    ("Adm", "Admiral", false),
    ("Pvt", "Private", false),
    ("Atty", "Attorney", false),
    ("Jct", "Junction", true),
    ("Sta", "Station", true),
    ("Stn", "Station", true),
    ("stn", "station", true),
    ("Stns", "Stations", true),
    ("stns", "stations", true),
    ("Appts", "Appointments", true),
    ("appts", "appointments", true),
    ("Ctr", "Center", true),
    ("Hts", "Heights", true),
    ("Arpt", "Airport", true),
    ("Apts", "Apartments", true),
    ("Pkwy", "Parkway", true),
    ("avg", "average", false),
    ("Avg", "Average", false),
    ("esp", "especially", false),
    ("Appt", "Appointment", true),
    ("appt", "appointment", true),
    ("Addr", "Address", false),
    ("Mtg", "Meeting", true),
    ("Grp", "Group", true),
    ("Tpk", "Turnpike", true),
    ("Tpke", "Turnpike", true),
    ("Xing", "Crossing", true),
    ("Fwy", "Freeway", true),
    ("Expy", "Expressway", true),
    ("Flr", "Floor", true),
    ("Lvl", "Level", true),
    ("Svc", "Service", true),
    ("Svcs", "Services", true),
    ("Rep", "Representative", false),
    ("Mfg", "Manufacturing", false),
    ("depts", "departments", true),
];

/// Abbreviations before a number only, with a full stop.
const BEFORE_NUMBER: [(&str, &str); 64] = [
    ("exp", "expires"),
    ("Exp", "Expires"),
    ("Sc", "Scene"),
    ("sc", "scene"),
    ("No", "number"),
    ("no", "number"),
    ("Nos", "numbers"),
    ("nos", "numbers"),
    ("p", "page"),
    ("pp", "pages"),
    ("Rm", "Room"),
    ("rm", "room"),
    ("Apt", "Apartment"),
    ("apt", "apartment"),
    ("Ste", "Suite"),
    ("Bldg", "Building"),
    ("Fl", "Floor"),
    ("Ext", "Extension"),
    ("ext", "extension"),
    ("Tel", "Telephone"),
    ("tel", "telephone"),
    ("max", "max"),
    ("min", "min"),
    ("Rte", "Route"),
    ("Hwy", "Highway"),
    ("ca", "circa"),
    ("c", "circa"),
    ("ch", "chapter"),
    ("Ph", "Phone"),
    ("ph", "phone"),
    ("Flr", "Floor"),
    ("Flt", "Flight"),
    ("Term", "Terminal"),
    ("Rt", "Route"),
    ("Trk", "Track"),
    ("Pt", "Part"),
    ("pt", "part"),
    ("Est", "Established"),
    ("Arr", "Arrival"),
    ("arr", "arrival"),
    ("Dep", "Departure"),
    ("dep", "departure"),
    ("Art", "Article"),
    ("Lvl", "Level"),
    ("Blk", "Block"),
    ("Pg", "Page"),
    ("pg", "page"),
    ("Ver", "Version"),
    ("ver", "version"),
    ("Iss", "Issue"),
    ("Mob", "Mobile"),
    ("Chap", "Chapter"),
    ("chap", "chapter"),
    ("bldg", "building"),
    ("fl", "floor"),
    ("ste", "suite"),
    ("Ref", "Reference"),
    ("ref", "reference"),
    ("Pos", "Position"),
    ("Plt", "Platform"),
    ("Jct", "Junction"),
    ("Sta", "Station"),
    ("Fax", "Fax"),
    ("Gt", "Gate"),
];

/// Abbreviations before a number that need no full stop.
const BEFORE_NUMBER_BARE: [(&str, &str); 28] = [
    ("Rm", "Room"),
    ("Apt", "Apartment"),
    ("apt", "apartment"),
    ("Ste", "Suite"),
    ("Bldg", "Building"),
    ("ext", "extension"),
    ("Ext", "Extension"),
    ("Nos", "numbers"),
    ("Hwy", "Highway"),
    ("Rte", "Route"),
    ("Rt", "Route"),
    ("Fl", "Floor"),
    ("Flr", "Floor"),
    ("Flt", "Flight"),
    ("bldg", "building"),
    ("Lvl", "Level"),
    ("Blk", "Block"),
    ("rm", "room"),
    ("Pg", "Page"),
    ("pg", "page"),
    ("ver", "version"),
    ("Ver", "Version"),
    ("Bldgs", "Buildings"),
    ("Rms", "Rooms"),
    ("Apts", "Apartments"),
    ("Jct", "Junction"),
    ("Dept", "Department"),
    ("dept", "department"),
];

/// Abbreviations before a capital letter that is the name of a place: `Bldg. C`, `Rm B`.
const BEFORE_LETTER: [&str; 10] = [
    "Bldg", "bldg", "Rm", "rm", "Apt", "apt", "Ste", "Fl", "Blk", "Flr",
];

/// Abbreviations that stand without a full stop anywhere, most with an apostrophe in them.
const SHORTENED: [(&str, &str); 11] = [
    ("Int'l", "International"),
    ("int'l", "international"),
    ("Nat'l", "National"),
    ("Gov't", "Government"),
    ("gov't", "government"),
    ("Dep't", "Department"),
    ("Ass'n", "Association"),
    ("Cont'd", "Continued"),
    ("WWI", "World War one"),
    ("WWII", "World War two"),
    ("WWIII", "World War three"),
];

/// Words that open sentences: a full stop of `U.S.` before one of them is one.
const OPENERS: [&str; 42] = [
    "The", "A", "An", "He", "She", "It", "We", "They", "I", "You", "But", "And", "So", "In", "On",
    "At", "This", "That", "These", "Those", "There", "My", "Our", "His", "Her", "Their", "If",
    "When", "While", "After", "Before", "However", "Then", "Please", "As", "For", "From", "To",
    "With", "No", "Yes", "All",
];

/// True if `word` opens sentences.
pub(super) fn opens(word: &str) -> bool {
    OPENERS.contains(&word)
}

/// First names of rulers and popes.
const RULERS: [&str; 34] = [
    "Henry",
    "Louis",
    "Elizabeth",
    "George",
    "Charles",
    "Edward",
    "James",
    "William",
    "Richard",
    "Philip",
    "Napoleon",
    "Pius",
    "Benedict",
    "Nicholas",
    "Catherine",
    "Peter",
    "Paul",
    "John",
    "Alexander",
    "Frederick",
    "Ivan",
    "Leo",
    "Gregory",
    "Innocent",
    "Clement",
    "Boniface",
    "Urban",
    "Francis",
    "Ferdinand",
    "Leopold",
    "Ramses",
    "Margrethe",
    "Gustav",
    "Wilhelm",
];

const SECTIONS: [&str; 12] = [
    "Chapter", "chapter", "Part", "part", "Section", "section", "Volume", "volume", "Act", "Phase",
    "War", "Type",
];

/// Things that have a maximum and a minimum: `Max. load`.
const BOUNDED: [&str; 30] = [
    "age",
    "amount",
    "balance",
    "capacity",
    "charge",
    "deposit",
    "depth",
    "distance",
    "dose",
    "fare",
    "fee",
    "height",
    "length",
    "load",
    "number",
    "occupancy",
    "order",
    "payment",
    "power",
    "pressure",
    "price",
    "purchase",
    "size",
    "speed",
    "spend",
    "stay",
    "temperature",
    "wage",
    "weight",
    "width",
];

/// Most initials of one name.
const LONGEST_INITIALS: usize = 6;

impl Reader<'_, English> {
    /// The abbreviation at `at` in words, and the index after it and its full stop.
    pub(super) fn abbreviation(&self, at: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        if let Some(found) = self.world_war(at) {
            return Some(found);
        }
        // `q6h` on a prescription
        if word == "q"
            && self.tokens.text(at + 2) == "h"
            && let Some(hours) = self.tokens.number(at + 1).and_then(figures::integer)
        {
            return Some((format!("every {} hours", cardinal(hours)), at + 3));
        }
        if self.tokens.text(at + 1) != "." {
            return self.bare_abbreviation(at);
        }
        if let Some(found) = self.initials(at) {
            return Some(found);
        }
        let second = self.tokens.skip_space(at + 2);
        if self.tokens.text(second + 1) == "."
            && let Some(found) = self.two_letters(word, second)
        {
            return Some(found);
        }
        if word == "St" {
            return Some(self.saint_or_street(at, self.tokens.text(second)));
        }
        // `serial no. X1Y2`, `ticket no. A-0451`, `No. of seats`
        let hyphen = usize::from(self.tokens.text(second + 1) == "-");
        let in_code = self.tokens.is_word(second)
            && (self.tokens.number(second + 1 + hyphen).is_some()
                || self.tokens.text(second) == "of")
            && matches!(word, "No" | "no");
        let is_number = self.tokens.number(second).is_some()
            || matches!(self.tokens.text(second), "(" | "+")
                && matches!(word, "Tel" | "tel" | "Ph" | "ph")
            || self.tokens.text(at + 2) == ":";
        let is_letter = self.is_letter_of_place(second) && BEFORE_LETTER.contains(&word);
        // `Ref. no. 12`
        let is_number = is_number || matches!(self.tokens.text(second), "no" | "No" | "#");
        // `Est. 20 min`, but `Est. 1987`
        let is_year = self.tokens.text(second).len() == 4;
        let is_number = is_number && (word != "Est" || is_year);
        let since = matches!(word, "Est" | "est")
            && (is_year && self.tokens.number(second).is_some()
                || matches!(self.tokens.text(second), "in" | "by"));
        if since {
            let text = if word == "Est" {
                "Established"
            } else {
                "established"
            };
            return Some((text.into(), at + 2));
        }
        if (is_number || in_code || is_letter)
            && let Some(text) = before_number(word)
        {
            return Some((text.into(), at + 2));
        }
        if let Some(found) = self.bound(at, second) {
            return Some(found);
        }
        let (_, text, may_end) = ABBREVIATIONS.iter().find(|(short, ..)| *short == word)?;
        let end = if *may_end {
            self.kept_stop(at + 2)
        } else {
            (at + 2).min(self.tokens.len() - 1)
        };
        Some(((*text).into(), end))
    }

    /// `Max. load`, `min. $50`: the bound at `at` of what `next` says; `10 min.` are minutes.
    fn bound(&self, at: usize, next: usize) -> Option<(String, usize)> {
        let text = match self.tokens.text(at) {
            "Max" => "Maximum",
            "Min" => "Minimum",
            "max" => "maximum",
            "min" => "minimum",
            _ => return None,
        };
        let before = at.checked_sub(
            1 + usize::from(self.tokens.kind(at.wrapping_sub(1)) == Some(Kind::Space)),
        );
        let counted = before.is_some_and(|before| self.tokens.number(before).is_some());
        let following = self.tokens.text(next);
        let bounds = BOUNDED.contains(&following)
            || text.ends_with("inimum") && matches!(following, "$" | "€" | "£");
        (bounds && !counted).then(|| (text.to_owned(), at + 2))
    }

    /// `WW1`, `before WWII.`
    fn world_war(&self, at: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        if word == "WW" {
            let number = self.tokens.skip_space(at + 1);
            let which = match self.tokens.number(number)? {
                "1" => "one",
                "2" => "two",
                "3" => "three",
                _ => return None,
            };
            return Some((format!("World War {which}"), number + 1));
        }
        let war = word.starts_with("WWI").then(|| shortened(word)).flatten()?;
        Some((war.into(), at + 1))
    }

    /// `J. R. R. Tolkien`, `R.S.V.P.`: the letters, without stops at which the voice would halt. One that ends the sentence
    /// stays, and so does that of a letter which names a thing: `Gate B. Thank you.`
    fn initials(&self, at: usize) -> Option<(String, usize)> {
        let is_initial = |at: usize| {
            let word = self.tokens.text(at);
            word.len() == 1
                && word.starts_with(|c: char| c.is_ascii_uppercase())
                && self.tokens.text(at + 1) == "."
        };
        let mut letters = vec![self.tokens.text(at)];
        let mut last = at;
        loop {
            let next = self.tokens.skip_space(last + 2);
            if letters.len() > LONGEST_INITIALS || !is_initial(next) {
                break;
            }
            letters.push(self.tokens.text(next));
            last = next;
        }
        let before = self.tokens.word_before(at);
        let follows = self.tokens.skip_space(last + 2);
        let name = self.tokens.text(follows);
        let is_name = follows > last + 2 && name.len() > 1 && name.starts_with(char::is_uppercase);
        let names_thing = self.names_letter(&before) && letters.len() == 1;
        let known = matches!(
            letters.as_slice(),
            ["U", "S" | "K" | "N", ..] | ["A" | "P", "M"]
        );
        if !is_initial(at) || names_thing || known || letters.len() == 1 && !is_name {
            return None;
        }
        let opens = OPENERS.contains(&name) && is_name;
        let stop = if is_name && !opens {
            last + 2
        } else {
            self.kept_stop(last + 2)
        };
        Some((
            letters.join(" "),
            stop - usize::from(opens && stop == last + 2),
        ))
    }

    /// `end`, or the index before where the full stop there ends the sentence as well.
    fn kept_stop(&self, end: usize) -> usize {
        // `Martin Luther King Jr. Blvd.`
        let next = self.tokens.skip_space(end);
        let street_follows = self.is_kind_of_street(next);
        // `3rd St. & Ave. A`
        let name = self.tokens.text(next);
        let lettered = end >= 2
            && self.is_kind_of_street(end - 2)
            && name.len() == 1
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && !self.tokens.is_word(self.tokens.skip_space(next + 1));
        let goes_on = street_follows || lettered;
        end - usize::from(self.tokens.ends_sentence(end - 1) && !goes_on)
    }

    /// True if the word at `at` is a capital letter that names a place, and no initial.
    fn is_letter_of_place(&self, at: usize) -> bool {
        let letter = self.tokens.text(at);
        letter.len() == 1 && letter.starts_with(|c: char| c.is_ascii_uppercase()) && letter != "I"
    }

    /// An abbreviation without a full stop: before a number, a letter or a colon, or with an apostrophe in it.
    fn bare_abbreviation(&self, at: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        if let Some(full) = shortened(word) {
            return Some((full.into(), at + 1));
        }
        if self.tokens.text(at + 1) == ":" && self.tokens.kind(at + 2) != Some(Kind::Number) {
            let is_mid =
                word.len() > 1 && !matches!(word, "No" | "no" | "min" | "max" | "Pt" | "pt");
            let full = before_number(word)
                .or_else(|| full_word(word))
                .filter(|_| is_mid)?;
            return Some((full.into(), at + 1));
        }
        if self.tokens.text(at + 1) == "/" {
            let letter = self.tokens.text(at + 2);
            return match (word, letter) {
                ("w", " ") => Some(("with".into(), at + 2)),
                ("w", "o") => Some(("without".into(), at + 3)),
                ("c", "o") => Some(("care of".into(), at + 3)),
                _ => None,
            };
        }
        let next = self.tokens.skip_space(at + 1);
        let is_letter = self.is_letter_of_place(next) && BEFORE_LETTER.contains(&word);
        if (self.tokens.number(next).is_some() || is_letter) && next > at + 1 {
            let (_, text) = BEFORE_NUMBER_BARE
                .iter()
                .find(|(short, _)| *short == word)?;
            return Some(((*text).into(), at + 1));
        }
        let name = self.tokens.text(next);
        let is_saint = word == "St"
            && next > at + 1
            && name.chars().nth(1).is_some_and(char::is_lowercase)
            && name.starts_with(char::is_uppercase);
        if is_saint {
            return Some(("Saint".into(), at + 1));
        }
        // `Dr Smith`, as the British write
        let is_name = next > at + 1
            && name.len() > 1
            && name.starts_with(char::is_uppercase)
            && name.chars().nth(1).is_some_and(char::is_lowercase);
        matches!(word, "Dr" | "Prof" | "Mt")
            .then(|| full_word(word))
            .flatten()
            .filter(|_| is_name)
            .map(|full| (full.into(), at + 1))
    }

    /// `e.g.`, `a.m.`, `U.S.`, whose second letter stands at `second`.
    fn two_letters(&self, word: &str, second: usize) -> Option<(String, usize)> {
        let next = self.tokens.text(second);
        Some(match (word, next) {
            ("e", "g") => ("for example".into(), second + 2),
            ("i", "e") => ("that is".into(), second + 2),
            ("Ph", "D") => ("P H D".into(), self.kept_stop(second + 2)),
            ("a", "k")
                if self.tokens.text(second + 2) == "a" && self.tokens.text(second + 3) == "." =>
            {
                ("A K A".into(), second + 4)
            }
            ("a" | "A" | "p" | "P", "m" | "M") => {
                let keep = usize::from(self.stop_after_half_ends(second + 1));
                (format!("{} M", word.to_uppercase()), second + 2 - keep)
            }
            ("U", "S")
                if self.tokens.text(second + 2) == "A" && self.tokens.text(second + 3) == "." =>
            {
                ("U S A".into(), self.kept_stop(second + 4))
            }
            ("U", "S" | "K" | "N") => {
                let follows = self.tokens.text(self.tokens.skip_space(second + 2));
                let ends = self.tokens.ends_sentence(second + 1)
                    && (follows.is_empty()
                        || OPENERS.contains(&follows)
                        || !follows.starts_with(char::is_alphabetic));
                (format!("U {next}"), second + 2 - usize::from(ends))
            }
            _ => return None,
        })
    }

    fn saint_or_street(&self, at: usize, next: &str) -> (String, usize) {
        let before = self.tokens.cased_word_before(at);
        let saint = is_saint(next)
            || next.starts_with(char::is_uppercase) && before.is_empty()
            || !before.starts_with(char::is_uppercase)
                && !matches!(before, "st" | "nd" | "rd" | "th");
        if saint {
            ("Saint".into(), at + 2)
        } else {
            ("Street".into(), self.kept_stop(at + 2))
        }
    }

    /// `World War II`, `Chapter IV`, `Henry VIII`, `Pope John Paul II`.
    pub(super) fn roman(&self, at: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        let (word, possessive) = match word.strip_suffix("'s") {
            Some(stem) => (stem, "'s"),
            None => (word, ""),
        };
        let before = self.tokens.cased_word_before(at);
        let numbered = SECTIONS.contains(&before)
            || matches!(
                before,
                "Bowl" | "WrestleMania" | "PART" | "CHAPTER" | "ACT" | "VOLUME"
            );
        let value = roman(word).or_else(|| numbered.then(|| large_roman(word)).flatten())?;
        let after = self.tokens.text(self.tokens.skip_space(at + 1));
        let ruler_before_article =
            before == "the" && at >= 4 && RULERS.contains(&self.tokens.text(at - 4));
        if ruler_before_article || matches!(after, "century" | "centuries") {
            return Some((format!("{}{possessive}", ordinal(value)), at + 1));
        }
        if RULERS.contains(&before) && !(word == "I" && self.tokens.is_word(at + 2)) {
            Some((format!("the {}{possessive}", ordinal(value)), at + 1))
        } else if word.len() > 1 || SECTIONS.contains(&before) {
            Some((format!("{}{possessive}", cardinal(value)), at + 1))
        } else {
            None
        }
    }
}

/// True if `name` is that of a saint in the names of places, which a street before it does not explain: `King's Cross St.
/// Pancras`, `Queensway St. Paul's`. First names alone, such as `George`, may begin a sentence.
pub(super) fn is_saint(name: &str) -> bool {
    const PLACES: [&str; 20] = [
        "Pancras",
        "Albans",
        "Andrews",
        "Asaph",
        "Austell",
        "Davids",
        "Denis",
        "Germain",
        "Helens",
        "Helier",
        "Ives",
        "Johns",
        "Kitts",
        "Leonards",
        "Lucia",
        "Moritz",
        "Neots",
        "Petersburg",
        "Tropez",
        "Catharines",
    ];
    const SAINTS: [&str; 12] = [
        "Paul's",
        "James's",
        "John's",
        "Mary's",
        "Peter's",
        "George's",
        "Anne's",
        "Thomas's",
        "Bartholomew's",
        "Patrick's",
        "Andrew's",
        "Michael's",
    ];
    PLACES.contains(&name) || SAINTS.contains(&name)
}

/// The full form of `short` with an apostrophe, or without a full stop.
fn shortened(short: &str) -> Option<&'static str> {
    SHORTENED
        .iter()
        .find(|(known, _)| *known == short)
        .map(|(_, full)| *full)
}

/// The full form of `short` before a number.
fn before_number(short: &str) -> Option<&'static str> {
    BEFORE_NUMBER
        .iter()
        .find(|(known, _)| *known == short)
        .map(|(_, full)| *full)
}

/// The full form of `short` anywhere.
fn full_word(short: &str) -> Option<&'static str> {
    ABBREVIATIONS
        .iter()
        .find(|(known, ..)| *known == short)
        .map(|(_, full, _)| *full)
}

/// The value of a Roman numeral of two letters or more that has an L or C in it, up to 399.
fn large_roman(word: &str) -> Option<u64> {
    const TENS: [&str; 10] = ["", "X", "XX", "XXX", "XL", "L", "LX", "LXX", "LXXX", "XC"];
    let hundreds = word.bytes().take_while(|b| *b == b'C').count();
    let rest = &word[hundreds..];
    if word.len() < 2 || hundreds > 3 {
        return None;
    }
    (0..TENS.len()).find_map(|tens| {
        let units = rest.strip_prefix(TENS[tens])?;
        let unit = match units {
            "" => 0,
            units => roman(units).filter(|unit| *unit < 10)?,
        };
        Some(100 * hundreds as u64 + 10 * tens as u64 + unit)
    })
}
