//! Numbers that are names and count nothing: gates and seats with a letter, rooms, flights, accounts, codes.

use super::{
    English,
    numerals::{cardinal, digits, in_pairs},
};
use crate::normalize::{figures, reader::Reader};

/// Nouns of things whose numbers may end in a letter.
const LETTERED: [&str; 52] = [
    "door",
    "doors",
    "aisle",
    "lane",
    "locker",
    "stall",
    "iphone",
    "ipad",
    "nexus",
    "pixel",
    "gate",
    "seat",
    "seats",
    "row",
    "rows",
    "train",
    "platform",
    "track",
    "room",
    "rooms",
    "flight",
    "terminal",
    "section",
    "building",
    "apartment",
    "apt",
    "unit",
    "house",
    "bay",
    "stand",
    "block",
    "class",
    "level",
    "line",
    "exhibit",
    "appendix",
    "figure",
    "table",
    "chapter",
    "bus",
    "route",
    "hall",
    "entrance",
    "exit",
    "zone",
    "floor",
    "carriage",
    "coach",
    "car",
    "berth",
    "desk",
    "counter",
];

/// Nouns whose numbers are said digit by digit, and from how many digits on.
const IN_DIGITS: &[(&str, usize)] = &[
    ("box", 3),
    ("room", 3),
    ("rm", 3),
    ("suite", 3),
    ("ste", 3),
    ("flight", 3),
    ("flt", 3),
    ("flights", 3),
    ("rooms", 3),
    ("suites", 3),
    ("extensions", 2),
    ("extension", 2),
    ("ext", 2),
    ("dial", 3),
    ("pin", 3),
    ("otp", 3),
    ("code", 3),
    ("passcode", 3),
    ("password", 3),
    ("account", 4),
    ("acct", 4),
    ("id", 4),
    ("zip", 5),
    ("order", 4),
    ("sku", 4),
    ("upc", 4),
    ("invoice", 4),
    ("booking", 4),
    ("reservation", 4),
    ("confirmation", 4),
    ("tracking", 4),
    ("serial", 4),
    ("reference", 4),
    ("ref", 4),
    ("card", 4),
    ("passport", 4),
    ("license", 4),
    ("licence", 4),
    ("policy", 4),
    ("digits", 3),
    ("case", 5),
    ("ticket", 4),
    ("part", 5),
    ("model", 5),
    ("ssn", 4),
    ("isbn", 4),
    ("number", 5),
    ("no", 5),
];

/// Nouns whose round numbers are said digit by digit too: `serial number 13000`, but `Room 300`.
const NEVER_ROUND: [&str; 16] = [
    "account",
    "acct",
    "serial",
    "card",
    "pin",
    "code",
    "passcode",
    "password",
    "reference",
    "ref",
    "tracking",
    "confirmation",
    "passport",
    "ssn",
    "isbn",
    "digits",
];

/// Things that are named by their last digits: `a card ending in 8876`.
const ENDING: [&str; 12] = [
    "card",
    "account",
    "acct",
    "number",
    "phone",
    "visa",
    "mastercard",
    "amex",
    "debit",
    "credit",
    "ssn",
    "code",
];

/// Lengths of the groups of a payment card's number.
const CARDS: [&[usize]; 2] = [&[4, 4, 4, 4], &[4, 6, 5]];

impl Reader<'_, English> {
    /// `4111 1111 1111 1111`: a payment card's number, with blanks or hyphens.
    pub(super) fn card(&mut self, at: usize) -> Option<usize> {
        let separator = self.tokens.text(at + 1);
        if !matches!(separator, " " | "-") {
            return None;
        }
        let mut groups = vec![self.tokens.number(at)?];
        let mut end = at + 1;
        while groups.len() < 5
            && self.tokens.text(end) == separator
            && let Some(group) = self.tokens.number(end + 1)
        {
            groups.push(group);
            end += 2;
        }
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        // `Meeting ID: 845 2210 9934`
        let colon = at >= 2 && self.tokens.text(at - 1) == " " && self.tokens.text(at - 2) == ":";
        let before = match colon {
            true => self.tokens.word_before(at - 2),
            false => self.tokens.word_before(at),
        };
        let of_meeting = before == "id" && matches!(lengths.as_slice(), [3, 3 | 4, 4]);
        if !CARDS.contains(&lengths.as_slice()) && !of_meeting {
            return None;
        }
        let said: Vec<String> = groups.iter().map(|group| digits(group)).collect();
        self.out.say(&said.join(", "));
        Some(end)
    }

    /// `978-3-16-148410-0`, `B-12-4`, `5-3-Ws`, `32423-3948`: groups of a code, whose hyphens mean no range.
    pub(super) fn code(&mut self, at: usize) -> Option<usize> {
        let mut groups = vec![self.tokens.number(at)?];
        let mut end = at + 1;
        while self.tokens.text(end) == "-"
            && let Some(group) = self.tokens.number(end + 1)
        {
            groups.push(group);
            end += 2;
        }
        let is_decimal = matches!(self.tokens.text(end), "." | "," | ":" | "/")
            && self.tokens.number(end + 1).is_some()
            || at >= 2
                && matches!(self.tokens.text(at - 1), "." | "," | ":" | "/")
                && self.tokens.number(at - 2).is_some();
        let is_sum = self.tokens.text(self.tokens.skip_space(end)) == "=";
        if groups.len() < 2 || is_decimal || is_sum {
            return None;
        }
        let is_short = |at: usize| {
            let word = self.tokens.text(at);
            let is_capital = word.len() <= 3 && word.starts_with(char::is_uppercase);
            let is_letters = word.len() <= 2 && super::units::unit(word).is_none();
            self.tokens.is_word(at) && (is_capital || word.len() == 1 || is_letters)
        };
        let letters_before = at >= 2 && self.tokens.text(at - 1) == "-" && is_short(at - 2);
        let letters_after = self.tokens.text(end) == "-" && is_short(end + 1);
        let letters_go_on =
            letters_after && self.tokens.text(end + 2) == "-" && groups[0].len() < 3;
        let values: Vec<u64> = groups
            .iter()
            .map(|group| group.parse().unwrap_or(u64::MAX))
            .collect();
        let all: usize = groups.iter().map(|group| group.len()).sum();
        let descends = values[0] > values[1];
        let years = values.iter().all(|value| (1000..2100).contains(value));
        // `Ref. no. 88-1234`, but `orders 1200-1300`
        let ascends = values[0] < values[1] && groups[0].len() == groups[1].len();
        let is_named = all >= 6 && !ascends && self.noun_of(at).is_some();
        let is_numbered = is_named || at > 0 && self.tokens.text(at - 1) == "#" && all >= 7;
        let in_digits = is_numbered
            || groups.len() > 2 && all >= 7
            || groups.len() == 2
                && descends
                && !years
                && groups.iter().all(|group| group.len() >= 3)
                && groups[0].len() >= 4;
        let is_code = in_digits
            || groups.len() > 2
            || letters_before
            || letters_after && (descends || letters_go_on);
        let is_measured = groups.len() == 2
            && !letters_before
            && self
                .unit_after(at, end, false)
                .is_some_and(|(_, after)| self.tokens.is_word(after - 1));
        if !is_code || is_measured {
            return None;
        }
        let said: Vec<String> = groups
            .iter()
            .map(|group| match figures::integer(group) {
                Some(value) if !in_digits && group.len() <= 2 => cardinal(value),
                _ => digits(group),
            })
            .collect();
        self.out.say(&said.join(if in_digits { ", " } else { " " }));
        Some(end)
    }

    /// True if the number at `at` is the end of a longer one: `card ending in 8876`.
    fn is_ending(&self, at: usize) -> bool {
        if !matches!(self.tokens.word_before(at).as_str(), "in" | "with") || at < 4 {
            return false;
        }
        let thing = at - 4;
        // `Acct. ending in 7782`
        let stop = usize::from(thing > 2 && self.tokens.text(thing - 2) == ".");
        let thing = self.tokens.word_before(thing - 2 * stop);
        matches!(self.tokens.word_before(at - 2).as_str(), "ending" | "ends")
            && ENDING.contains(&thing.as_str())
    }

    /// True if a letter behind `word`, in small letters, is the name of a thing: `gate`, `vitamin`.
    pub(super) fn names_letter(&self, word: &str) -> bool {
        let one = word.strip_suffix('s').unwrap_or(word);
        matches!(
            one,
            "vitamin"
                | "plan"
                | "group"
                | "grade"
                | "concourse"
                | "option"
                | "type"
                | "lot"
                | "wing"
        ) || LETTERED.contains(&one)
            || LETTERED.contains(&word)
    }

    /// True if the number at `at` follows a noun such as `Gate`, so that a letter after it belongs to its name.
    pub(super) fn is_named_by_noun(&self, at: usize) -> bool {
        let word = self.tokens.word_before(at);
        let one = word.strip_suffix('s').unwrap_or(&word);
        LETTERED.contains(&word.as_str()) || LETTERED.contains(&one)
    }

    /// A number that is said digit by digit: `pin is 7180`, `Room 204`, `#12345678`, `BA117`, `401(k)`.
    pub(super) fn named(&mut self, at: usize) -> Option<usize> {
        let number = self.tokens.number(at)?;
        let goes_on = matches!(self.tokens.text(at + 1), "." | "," | ":" | "/" | "%")
            && self.tokens.number(at + 2).is_some()
            || self.tokens.text(at + 1) == "%";
        if goes_on {
            return None;
        }
        if let Some(end) = self.plan(at, number).or_else(|| self.aircraft(at, number)) {
            return Some(end);
        }
        if self.is_type_of_aircraft(at, number) {
            self.out.say(&in_pairs(number.parse().ok()?));
            return Some(at + 1);
        }
        let is_fiscal_year =
            at > 0 && self.tokens.text(at - 1) == "FY" || self.tokens.cased_word_before(at) == "FY";
        if number.len() == 4 && is_fiscal_year {
            self.out.say(&in_pairs(number.parse().ok()?));
            return Some(at + 1);
        }
        if self.is_train_or_airline(at, number) {
            self.out.say(&in_pairs(number.parse().ok()?));
            return Some(at + 1);
        }
        if self.tokens.text(at + 1) == "p"
            && matches!(number, "480" | "720" | "1080" | "1440" | "2160")
        {
            self.out.say(&in_pairs(number.parse().ok()?));
            return Some(at + 1);
        }
        let attached = at > 0
            && self.tokens.is_word(at - 1)
            && number.len() >= 3
            && !number.ends_with("00")
            && !(self.tokens.text(at - 1) == "x" && at > 1 && self.tokens.number(at - 2).is_some());
        let long = number.len() >= 12;
        let emergency = (3..=6).contains(&number.len())
            && (self.is_emergency(at) || self.is_second_emergency(at) || self.is_texted(at));
        let noun = self
            .noun_of(at)
            .or_else(|| self.noun_of(self.head_of_list(at)?));
        let wants = noun.is_some_and(|(least, round)| {
            number.len() >= least && (round || !number.ends_with("00"))
        }) || number.len() >= 3 && self.is_ending(at);
        // `Rooms 201-210`
        let last = self
            .tokens
            .number(at + 2)
            .filter(|last| self.tokens.text(at + 1) == "-" && last.len() == number.len())
            .filter(|last| *last > number && self.tokens.text(at + 3) != "-");
        if let Some(last) = last.filter(|_| wants) {
            self.out
                .say(&format!("{} to {}", digits(number), digits(last)));
            return Some(at + 3);
        }
        if attached && self.tokens.word_before(at).len() <= 4 || long || emergency || wants {
            self.out.say(&digits(number));
            return Some(at + 1);
        }
        None
    }

    /// The first number of the list in which the one at `at` stands: `Flights 102, 204 and 316`.
    fn head_of_list(&self, at: usize) -> Option<usize> {
        const LONGEST_LIST: usize = 6;
        let mut head = at;
        if self.is_counted(at + 1) {
            return None;
        }
        for _ in 0..LONGEST_LIST {
            let joint = (head.saturating_sub(5)..head)
                .rev()
                .find(|i| self.tokens.number(*i).is_some())
                .filter(|number| {
                    let between = number + 1..head;
                    between
                        .clone()
                        .any(|i| matches!(self.tokens.text(i), "," | "and" | "&" | "or"))
                        && between
                            .into_iter()
                            .all(|i| matches!(self.tokens.text(i), " " | "," | "and" | "&" | "or"))
                });
            match joint {
                Some(number) => head = number,
                None => break,
            }
        }
        let is_plural = self.tokens.word_before(head).ends_with('s');
        (head < at && is_plural).then_some(head)
    }

    /// `Amtrak train 2150`, `Acela 2167`, `Delta 1208`: numbers of three or four digits that are said in pairs.
    fn is_train_or_airline(&self, at: usize, number: &str) -> bool {
        const LINES: [&str; 14] = [
            "train",
            "trains",
            "Train",
            "Trains",
            "Amtrak",
            "Acela",
            "Regional",
            "Delta",
            "United",
            "Southwest",
            "JetBlue",
            "Lufthansa",
            "Airlines",
            "Airways",
        ];
        let name = |at: usize| LINES.contains(&self.tokens.cased_word_before(at));
        let named = name(at) || self.head_of_list(at).is_some_and(name);
        let next = self.tokens.skip_space(at + 1);
        let word = self.tokens.text(next);
        // `to train 250 drivers`, `United 2000 miles`
        let counted = self.is_counted(at + 1)
            || word.len() > 3
                && word.ends_with('s')
                && !matches!(
                    word,
                    "departs"
                        | "arrives"
                        | "leaves"
                        | "stops"
                        | "runs"
                        | "calls"
                        | "boards"
                        | "continues"
                        | "terminates"
                        | "operates"
                        | "makes"
                        | "connects"
                )
            || matches!(word, "new" | "more" | "men" | "women" | "staff");
        (3..=4).contains(&number.len())
            && !number.starts_with('0')
            && !number.ends_with("00")
            && named
            && !counted
            && self.tokens.text(at + 1) != "-"
    }

    /// The number of `A320` and `B737`.
    fn is_type_of_aircraft(&self, at: usize, number: &str) -> bool {
        let maker = at
            .checked_sub(1)
            .map_or("", |before| self.tokens.text(before));
        match maker {
            "A" => number.len() == 3 && number.starts_with('3') && !number.ends_with("00"),
            "B" => number.len() == 3 && number.starts_with('7') && number.ends_with('7'),
            _ => false,
        }
    }

    /// `Boeing 737-800`.
    fn aircraft(&mut self, at: usize, number: &str) -> Option<usize> {
        if number.len() != 3 || !matches!(self.tokens.cased_word_before(at), "Boeing" | "Airbus") {
            return None;
        }
        self.out.say(&in_pairs(number.parse().ok()?));
        let variant = self
            .tokens
            .number(at + 2)
            .filter(|variant| variant.len() <= 4 && self.tokens.text(at + 1) == "-");
        let Some(variant) = variant.and_then(figures::integer) else {
            return Some(at + 1);
        };
        self.out.say(&format!(" {}", in_pairs(variant)));
        Some(at + 3)
    }

    /// `401(k)`, `501(c)(3)`, `401k`: digit by digit, the nought as *oh*, and the letter.
    fn plan(&mut self, at: usize, number: &str) -> Option<usize> {
        let bracketed = self.tokens.text(at + 1) == "("
            && self.tokens.text(at + 2).len() == 1
            && self.tokens.is_word(at + 2)
            && self.tokens.text(at + 3) == ")";
        let is_plan =
            number.len() == 3 && (bracketed || number == "401" && self.tokens.text(at + 1) == "k");
        if !is_plan {
            return None;
        }
        self.out.say(&digits(number).replace("zero", "oh"));
        if !bracketed {
            return Some(at + 1);
        }
        self.out.say(&format!(" {}", self.tokens.text(at + 2)));
        let mut end = at + 4;
        if self.tokens.text(end) == "("
            && let Some(value) = self.tokens.number(end + 1).and_then(figures::integer)
            && self.tokens.text(end + 2) == ")"
        {
            self.out.say(&format!(" {}", cardinal(value)));
            end += 3;
        }
        Some(end)
    }

    /// `call 911`: three digits of a service, with no noun that they count.
    fn is_emergency(&self, at: usize) -> bool {
        let next = self.tokens.text(self.tokens.skip_space(at + 1));
        matches!(
            self.tokens.word_before(at).as_str(),
            "call" | "dial" | "text"
        ) && (!next.starts_with(char::is_alphabetic)
            || matches!(
                next,
                "for" | "or" | "and" | "if" | "to" | "now" | "immediately" | "in" | "when" | "from"
            ))
    }

    /// The second of `call 999 or 112`.
    fn is_second_emergency(&self, at: usize) -> bool {
        let Some(first) = at.checked_sub(4) else {
            return false;
        };
        self.tokens.word_before(at) == "or"
            && self
                .tokens
                .number(first)
                .is_some_and(|first| first.len() >= 3)
            && self.is_emergency(first)
    }

    /// `Text HELP to 61016`.
    fn is_texted(&self, at: usize) -> bool {
        self.tokens.word_before(at) == "to"
            && at >= 6
            && matches!(
                self.tokens.word_before(at - 4).as_str(),
                "text" | "sms" | "send"
            )
    }

    /// From how many digits on the noun before the number at `at` wants them one by one, and whether it wants so those of
    /// a round number. Between them may stand `is`, `number`, `no.` and marks.
    fn noun_of(&self, at: usize) -> Option<(usize, bool)> {
        let mut before = at;
        let mut number = None;
        for _ in 0..7 {
            let Some(previous) = before.checked_sub(1) else {
                break;
            };
            before = previous;
            let text = self.tokens.text(before);
            if !self.tokens.is_word(before) {
                match text {
                    "#" if self.tokens.text(before + 1) == self.tokens.text(at) => {
                        return Some((5, false));
                    }
                    " " | ":" | "." | "#" | "№" => continue,
                    _ => break,
                }
            }
            let word = text.to_lowercase();
            match word.as_str() {
                "is" | "was" | "are" => continue,
                "number" | "no" if number.is_none() => number = Some((5, false)),
                // `Flight BA 117`
                _ if text.len() == 2
                    && text.bytes().all(|byte| byte.is_ascii_uppercase())
                    && word != "id" =>
                {
                    continue;
                }
                word => {
                    let noun = IN_DIGITS.iter().find(|(noun, _)| *noun == word);
                    // `the account is 2000 dollars short`, but `account number 13000`
                    let is_told = number.is_some() || !self.is_counted(at + 1);
                    return noun
                        .map(|(_, least)| (*least, is_told && NEVER_ROUND.contains(&word)))
                        .or(number);
                }
            }
        }
        number
    }
}
