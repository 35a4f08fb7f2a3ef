//! English: numbers by the crate num2words, units, dates, abbreviations.

use num2words::{Lang, Num2Words};

use super::{
    figures::{self, Date, Figure, Style, Time, figure, range_end, roman},
    lex::Kind,
    reader::{Reader, Spoken},
    web,
};

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Words with a full stop, what they stand for, and whether they may end a sentence.
const ABBREVIATIONS: [(&str, &str, bool); 28] = [
    ("Dr", "Doctor", false),
    ("Mr", "Mister", false),
    ("Mrs", "Missus", false),
    ("Prof", "Professor", false),
    ("Gen", "General", false),
    ("Sen", "Senator", false),
    ("Rev", "Reverend", false),
    ("Jr", "Junior", true),
    ("Sr", "Senior", true),
    ("Mt", "Mount", false),
    ("Ave", "Avenue", true),
    ("Rd", "Road", true),
    ("Blvd", "Boulevard", true),
    ("Inc", "Incorporated", true),
    ("Ltd", "Limited", true),
    ("Corp", "Corporation", true),
    ("Co", "Company", true),
    ("etc", "et cetera", true),
    ("vs", "versus", false),
    ("approx", "approximately", false),
    ("dept", "department", false),
    ("est", "established", false),
    ("Fig", "Figure", false),
    ("fig", "figure", false),
    ("Vol", "Volume", false),
    ("vol", "volume", false),
    ("Ch", "Chapter", false),
    ("Sec", "Section", false),
];

/// Abbreviations before a number only.
const BEFORE_NUMBER: [(&str, &str); 4] = [
    ("No", "number"),
    ("no", "number"),
    ("p", "page"),
    ("pp", "pages"),
];

/// The language.
pub(super) struct English;

impl Spoken for English {
    const WEB: web::Words = web::Words {
        dot: "dot",
        at: "at",
        slash: "slash",
        dash: "dash",
        underscore: "underscore",
        colon: "colon",
        domain: |_| None,
    };

    fn number(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.number(at)
    }

    fn word(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.word(at)
    }

    fn mark(reader: &mut Reader<'_, Self>, at: usize) -> usize {
        reader.mark(at)
    }
}

impl Reader<'_, English> {
    fn word(&mut self, at: usize) -> usize {
        if let Some((text, end)) = self.abbreviation(at) {
            self.out.say(&text);
            return self.day_after(&text, end).unwrap_or(end);
        }
        if let Some((text, end)) = self.roman(at) {
            self.out.say(&text);
            return end;
        }
        let end = self.copy(at);
        self.day_after(self.tokens.text(at), end).unwrap_or(end)
    }

    /// What the abbreviation at `at` stands for, and the index after it and its full stop.
    fn abbreviation(&self, at: usize) -> Option<(String, usize)> {
        let word = self.tokens.text(at);
        if self.tokens.text(at + 1) != "." {
            return None;
        }
        let second = self.tokens.skip_space(at + 2);
        let next = self.tokens.text(second);
        let keep = |end: usize| end - usize::from(self.tokens.ends_sentence(end - 1));
        if self.tokens.text(second + 1) == "." {
            match (word, next) {
                ("e", "g") => return Some(("for example".into(), second + 2)),
                ("i", "e") => return Some(("that is".into(), second + 2)),
                ("a" | "A" | "p" | "P", "m" | "M") => {
                    return Some((format!("{} M", word.to_uppercase()), keep(second + 2)));
                }
                ("U", "S" | "K" | "N") => return Some((format!("U {next}"), keep(second + 2))),
                _ => {}
            }
        }
        if word == "St" {
            let street = next.starts_with(char::is_uppercase)
                && self.tokens.cased_word_before(at).is_empty()
                || !self
                    .tokens
                    .cased_word_before(at)
                    .starts_with(char::is_uppercase);
            return Some(if street {
                ("Saint".into(), at + 2)
            } else {
                ("Street".into(), keep(at + 2))
            });
        }
        if self.tokens.number(second).is_some() {
            let before_number = BEFORE_NUMBER.iter().find(|(short, _)| *short == word);
            if let Some((_, text)) = before_number {
                return Some(((*text).into(), at + 2));
            }
            if let Some(month) = MONTHS
                .iter()
                .find(|m| word.len() >= 3 && m.starts_with(word))
            {
                return Some(((*month).into(), at + 2));
            }
        }
        let (_, text, may_end) = ABBREVIATIONS.iter().find(|(short, ..)| *short == word)?;
        let end = if *may_end { keep(at + 2) } else { at + 2 };
        Some(((*text).into(), end))
    }

    /// `World War II`, `Chapter IV`, `Henry VIII`.
    fn roman(&self, at: usize) -> Option<(String, usize)> {
        const RULERS: [&str; 16] = [
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
        ];
        const SECTIONS: [&str; 10] = [
            "Chapter", "chapter", "Part", "part", "Section", "section", "Volume", "volume", "Act",
            "Phase",
        ];
        let word = self.tokens.text(at);
        let value = roman(word)?;
        let before = self.tokens.cased_word_before(at);
        if RULERS.contains(&before) && !(word == "I" && self.tokens.is_word(at + 2)) {
            Some((format!("the {}", ordinal(value)), at + 1))
        } else if word.len() > 1 || SECTIONS.contains(&before) {
            Some((cardinal(value), at + 1))
        } else {
            None
        }
    }

    /// `November 22, 2026`: what follows the month as an ordinal and the year in pairs, from its blank at `space` on.
    fn day_after(&mut self, month: &str, space: usize) -> Option<usize> {
        let digits = self.tokens.number(space + 1)?;
        if !MONTHS.contains(&month) || self.tokens.kind(space) != Some(Kind::Space) {
            return None;
        }
        let value = figures::integer(digits)?;
        let end = space + 2;
        if digits.len() == 4 && is_year(value) {
            self.out.say(" ");
            self.out.say(&year_words(value));
            return Some(end);
        }
        let is_day =
            (1..=31).contains(&value) && self.tokens.text(end) != ":" && !self.tokens.is_word(end);
        if !is_day {
            return None;
        }
        self.out.say(" ");
        self.out.say(&ordinal(value));
        let comma = usize::from(self.tokens.text(end) == ",");
        let year = self.tokens.skip_space(end + comma);
        let year_value = self.tokens.number(year).filter(|d| d.len() == 4);
        Some(match year_value.and_then(figures::integer) {
            Some(value) if year > end => {
                self.out.say(", ");
                self.out.say(&year_words(value));
                year + 1
            }
            _ => end,
        })
    }

    fn mark(&mut self, at: usize) -> usize {
        let next = self.tokens.skip_space(at + 1);
        let number_follows = self.tokens.number(next).is_some();
        let mark = self.tokens.text(at);
        if matches!(mark, "+" | "(")
            && self.tokens.number(at + 1).is_some()
            && let Some((groups, end)) = figures::telephone(self.tokens, at)
        {
            if mark == "+" {
                self.out.say("plus ");
            }
            self.say_groups(&groups);
            return end;
        }
        match mark {
            "№" | "#" if number_follows => {
                self.out.say("number ");
                return self.number(next);
            }
            "-" if figures::is_sign(self.tokens, at) => {
                self.out.say("minus ");
                return self.number(at + 1);
            }
            "+" if figures::is_sign(self.tokens, at) => {
                self.out.say("plus ");
                return self.number(at + 1);
            }
            "±" if number_follows => {
                self.out.say("plus or minus ");
                return self.number(next);
            }
            "~" if number_follows => {
                self.out.say("about ");
                return self.number(next);
            }
            "$" | "€" | "£" | "¥" | "₽" if number_follows => return self.money(mark, next),
            "№" => self.out.say(" number "),
            "§" => self.out.say(" section "),
            "%" => self.out.say(" percent "),
            "‰" => self.out.say(" per mille "),
            "°" => self.out.say(" degrees "),
            "$" => self.out.say(" dollars "),
            "€" => self.out.say(" euros "),
            "£" => self.out.say(" pounds "),
            "&" => self.out.say(" and "),
            "+" => self.out.say(" plus "),
            "=" => self.out.say(" equals "),
            "@" => self.out.say(" at "),
            "×" | "*" if number_follows => self.out.say(" times "),
            "÷" => self.out.say(" divided by "),
            "<" if number_follows => self.out.say(" less than "),
            ">" if number_follows => self.out.say(" greater than "),
            ":" if self.tokens.number(at + 1).is_some() && self.ends_number(at) => {
                self.out.say(" to ");
            }
            "²" => self.out.say(" squared "),
            "³" => self.out.say(" cubed "),
            "#" | "*" | "_" | "~" | "±" | "×" | "/" | "\\" | "<" | ">" | "¥" | "₽" | "₴" | "¢" =>
            {
                self.out.copy(" ");
            }
            _ => self.out.copy(mark),
        }
        at + 1
    }

    fn ends_number(&self, at: usize) -> bool {
        at > 0 && self.tokens.number(at - 1).is_some()
    }

    fn number(&mut self, at: usize) -> usize {
        if let Some(date) = figures::date(self.tokens, at, Style::English) {
            self.out.say(&date_words(date));
            return date.end;
        }
        if let Some((groups, end)) = figures::telephone(self.tokens, at) {
            self.say_groups(&groups);
            return end;
        }
        if let Some(time) = figures::time(self.tokens, at) {
            return self.time(time);
        }
        if let Some(end) = self.suffixed(at) {
            return end;
        }
        if let Some((above, below, end)) = figures::fraction(self.tokens, at) {
            self.out.say(&fraction_words(above, below));
            return end;
        }
        if let Some((parts, end)) = figures::outline(self.tokens, at) {
            let said: Vec<String> = parts.iter().map(|part| part_words(part)).collect();
            self.out.say(&said.join(" point "));
            return end;
        }
        match figure(self.tokens, at, Style::English) {
            Some(first) => self.quantity(at, first),
            None => self.copy(at),
        }
    }

    fn time(&mut self, time: Time) -> usize {
        let next = self.tokens.skip_space(time.end);
        let half = matches!(
            self.tokens.text(next),
            "am" | "pm" | "AM" | "PM" | "a" | "p" | "A" | "P"
        );
        let hours = if time.hours == 0 {
            "zero".to_owned()
        } else {
            cardinal(time.hours)
        };
        let padded = |value: u64| match value {
            0 => "hundred".to_owned(),
            1..=9 => format!("oh {}", cardinal(value)),
            _ => cardinal(value),
        };
        let mut said = match time.minutes {
            0 if half => hours,
            0 if (1..=12).contains(&time.hours) && time.seconds.is_none() => {
                format!("{hours} o'clock")
            }
            minutes => format!("{hours} {}", padded(minutes)),
        };
        if let Some(seconds) = time.seconds {
            said.push_str(&format!(" and {} seconds", cardinal(seconds)));
        }
        self.out.say(&said);
        if matches!(self.tokens.text(next), "am" | "pm" | "AM" | "PM") {
            self.out.say(" ");
            self.out
                .say(if self.tokens.text(next).starts_with(['a', 'A']) {
                    "A M"
                } else {
                    "P M"
                });
            return next + 1;
        }
        time.end
    }

    /// `1st`, `1990s`, `5-star`.
    fn suffixed(&mut self, at: usize) -> Option<usize> {
        let digits = self.tokens.number(at)?;
        let value = figures::integer(digits)?;
        let said = match self.tokens.text(at + 1) {
            "st" | "nd" | "rd" | "th" | "ST" | "ND" | "RD" | "TH" => ordinal(value),
            "s" if value % 10 == 0 && value > 0 => {
                let words = if digits.len() == 4 {
                    year_words(value)
                } else {
                    cardinal(value)
                };
                match words.strip_suffix('y') {
                    Some(stem) => format!("{stem}ies"),
                    None => format!("{words}s"),
                }
            }
            _ => return None,
        };
        self.out.say(&said);
        // `December 24th, 2025`
        if self.tokens.text(at + 2) == ","
            && let Some(digits) = self.tokens.number(at + 4).filter(|d| d.len() == 4)
            && let Some(year) = figures::integer(digits).filter(|year| is_year(*year))
        {
            self.out.say(", ");
            self.out.say(&year_words(year));
            return Some(at + 5);
        }
        Some(at + 2)
    }

    /// A number or a range with what it counts.
    fn quantity(&mut self, at: usize, first: Figure) -> usize {
        let second = range_end(self.tokens, first.end, Style::English);
        let last = second.as_ref().unwrap_or(&first);
        let end = last.end;
        let next = self.tokens.skip_space(end);
        if second.is_none()
            && next > end
            && let (Some(value), Some((above, below, end))) =
                (first.whole(), figures::fraction(self.tokens, next))
        {
            let said = format!("{} and {}", cardinal(value), fraction_words(above, below));
            self.out.say(&said);
            return end;
        }
        if self.is_year_here(at, &first, second.as_ref(), next) {
            let values = [Some(&first), second.as_ref()];
            let said: Vec<String> = values
                .into_iter()
                .flatten()
                .filter_map(Figure::whole)
                .map(year_words)
                .collect();
            self.out.say(&said.join(" to "));
            return end;
        }
        if MONTHS.contains(&self.tokens.text(next))
            && second.is_none()
            && let Some(day) = first.whole().filter(|day| (1..=31).contains(day))
        {
            self.out.say(&format!("{} of", ordinal(day)));
            return end;
        }
        self.say_figures(&first, second.as_ref());
        let one = last.whole() == Some(1) && second.is_none();
        // `SW1A`: letters that go on are no unit.
        let goes_on = at > 0 && self.tokens.is_word(at - 1);
        match self.unit(next, one).filter(|_| !goes_on) {
            Some((words, after)) => {
                self.out.say(" ");
                self.out.say(&words);
                after
            }
            None => end,
        }
    }

    fn say_figures(&mut self, first: &Figure, second: Option<&Figure>) {
        self.out.say(&figure_words(first));
        if let Some(second) = second {
            self.out.say(" to ");
            self.out.say(&figure_words(second));
        }
    }

    /// Whether a four-digit number is a year, told by the words before it.
    fn is_year_here(
        &self,
        at: usize,
        first: &Figure,
        second: Option<&Figure>,
        next: usize,
    ) -> bool {
        const BEFORE: [&str; 20] = [
            "in", "since", "by", "from", "until", "till", "of", "year", "before", "after",
            "during", "circa", "around", "spring", "summer", "autumn", "fall", "winter", "class",
            "early",
        ];
        let in_range = |figure: &Figure, at: usize| {
            figure.end == at + 1 && figure.digits.len() == 4 && figure.whole().is_some_and(is_year)
        };
        let both = in_range(first, at)
            && second.is_none_or(|s| s.digits.len() == 4 && s.whole().is_some_and(is_year));
        let before = self.tokens.word_before(at);
        let counts = matches!(self.tokens.text(next), "people" | "years" | "dollars" | "%");
        both && !counts
            && (second.is_some()
                || BEFORE.contains(&before.as_str())
                || MONTHS.iter().any(|month| month.to_lowercase() == before))
    }

    /// The unit that the number before `at` counts, in words, and the index after it.
    fn unit(&self, at: usize, one: bool) -> Option<(String, usize)> {
        let text = self.tokens.text(at);
        let plural = |noun: &str| {
            if one {
                noun.to_owned()
            } else {
                format!("{noun}s")
            }
        };
        match text {
            "%" => return Some(("percent".into(), at + 1)),
            "°" => {
                let scale = self.tokens.skip_space(at + 1);
                let degrees = plural("degree");
                return Some(match self.tokens.text(scale) {
                    "C" => (format!("{degrees} Celsius"), scale + 1),
                    "F" => (format!("{degrees} Fahrenheit"), scale + 1),
                    _ => (degrees, at + 1),
                });
            }
            "$" => return Some((plural("dollar"), at + 1)),
            "USD" => return Some((plural("dollar"), at + 1)),
            "€" | "EUR" => return Some((plural("euro"), at + 1)),
            "£" | "GBP" => return Some((plural("pound"), at + 1)),
            "₽" => return Some((plural("rouble"), at + 1)),
            "×" | "x" if self.tokens.number(self.tokens.skip_space(at + 1)).is_some() => {
                return Some(("by".into(), at + 1));
            }
            _ => {}
        }
        let noun = unit_noun(text)?;
        let (prefix, after) = match (self.tokens.text(at + 1), self.tokens.text(at + 2)) {
            ("²", _) => ("square ", at + 2),
            ("³", _) => ("cubic ", at + 2),
            ("/", per) => {
                if let Some(per) = per_noun(per) {
                    return Some((format!("{} per {per}", plural(noun)), at + 3));
                }
                ("", at + 1)
            }
            _ => ("", at + 1),
        };
        let words = match noun {
            "hertz" | "kilohertz" | "megahertz" | "gigahertz" => noun.to_owned(),
            "foot" if !one => "feet".to_owned(),
            "inch" if !one => "inches".to_owned(),
            _ => plural(noun),
        };
        Some((format!("{prefix}{words}"), after))
    }

    /// `$5`, `$5.50`, `$5 million`.
    fn money(&mut self, sign: &str, at: usize) -> usize {
        let Some(first) = figure(self.tokens, at, Style::English) else {
            return self.copy(at);
        };
        let (unit, cent) = match sign {
            "$" => ("dollar", "cent"),
            "€" => ("euro", "cent"),
            "£" => ("pound", "penny"),
            "₽" => ("rouble", "kopeck"),
            _ => ("yen", ""),
        };
        let count = |value: u64, noun: &str| match (value, noun) {
            (_, "yen") | (1, _) => format!("{} {noun}", cardinal(value)),
            (_, "penny") => format!("{} pence", cardinal(value)),
            _ => format!("{} {noun}s", cardinal(value)),
        };
        let second = range_end(self.tokens, first.end, Style::English);
        let end = second.as_ref().map_or(first.end, |second| second.end);
        let next = self.tokens.skip_space(end);
        let power = match self.tokens.text(next) {
            power @ ("hundred" | "thousand" | "million" | "billion" | "trillion") => Some(power),
            "k" | "K" if next == end => Some("thousand"),
            "M" | "m" | "mln" => Some("million"),
            "B" | "bn" => Some("billion"),
            _ => None,
        };
        let cents = first
            .fraction
            .filter(|f| f.len() == 2)
            .and_then(|f| f.parse().ok());
        let plural = if unit == "yen" {
            unit.to_owned()
        } else {
            format!("{unit}s")
        };
        match (first.integer(), cents, power) {
            (_, _, Some(power)) => {
                self.say_figures(&first, second.as_ref());
                self.out.say(&format!(" {power} {plural}"));
                return next + 1;
            }
            (Some(0), Some(cents), _) if second.is_none() => self.out.say(&count(cents, cent)),
            (Some(value), Some(0), _) if second.is_none() => self.out.say(&count(value, unit)),
            (Some(value), Some(cents), _) if second.is_none() => {
                self.out.say(&format!(
                    "{} and {}",
                    count(value, unit),
                    count(cents, cent)
                ));
            }
            (Some(value), None, _) if second.is_none() && first.fraction.is_none() => {
                self.out.say(&count(value, unit));
            }
            _ => {
                self.say_figures(&first, second.as_ref());
                self.out.say(&format!(" {plural}"));
            }
        }
        end
    }

    fn say_groups(&mut self, groups: &[&str]) {
        let said: Vec<String> = groups.iter().map(|group| digits_words(group)).collect();
        self.out.say(&said.join(", "));
    }
}

fn is_year(value: u64) -> bool {
    (1100..2100).contains(&value)
}

fn num2words(value: u64, form: impl FnOnce(Num2Words) -> Num2Words) -> String {
    let words = form(Num2Words::new(value).lang(Lang::English)).to_words();
    words.map_or_else(
        |_| digits_words(&value.to_string()),
        |words| words.replace(" and ", " "),
    )
}

fn cardinal(value: u64) -> String {
    num2words(value, |number| number)
}

fn ordinal(value: u64) -> String {
    num2words(value, Num2Words::ordinal)
}

fn year_words(value: u64) -> String {
    num2words(value, Num2Words::year)
}

fn date_words(date: Date) -> String {
    format!(
        "{} {}, {}",
        MONTHS[date.month - 1],
        ordinal(date.day),
        year_words(date.year)
    )
}

fn figure_words(figure: &Figure) -> String {
    let whole = match figure.integer() {
        Some(value) => cardinal(value),
        None => digits_words(&figure.digits),
    };
    match figure.fraction {
        Some(fraction) => format!("{whole} point {}", digits_words(fraction)),
        None => whole,
    }
}

fn part_words(digits: &str) -> String {
    figures::integer(digits).map_or_else(|| digits_words(digits), cardinal)
}

/// *three quarters*, *one half*, *two thirds*.
fn fraction_words(above: u64, below: u64) -> String {
    let noun = match below {
        2 => "half".to_owned(),
        4 => "quarter".to_owned(),
        _ => ordinal(below),
    };
    match above {
        1 => format!("one {noun}"),
        _ => format!("{} {noun}s", cardinal(above)),
    }
}

/// Digit by digit.
fn digits_words(digits: &str) -> String {
    const DIGITS: [&str; 10] = [
        "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    ];
    let words: Vec<&str> = digits
        .bytes()
        .filter(u8::is_ascii_digit)
        .map(|digit| DIGITS[usize::from(digit - b'0')])
        .collect();
    words.join(" ")
}

fn unit_noun(word: &str) -> Option<&'static str> {
    Some(match word {
        "km" => "kilometer",
        "m" => "meter",
        "cm" => "centimeter",
        "mm" => "millimeter",
        "mi" => "mile",
        "ft" => "foot",
        "kg" => "kilogram",
        "g" => "gram",
        "mg" => "milligram",
        "lb" | "lbs" => "pound",
        "oz" => "ounce",
        "l" | "L" => "liter",
        "ml" | "mL" => "milliliter",
        "ms" => "millisecond",
        "s" | "sec" => "second",
        "min" => "minute",
        "h" | "hr" | "hrs" => "hour",
        "Hz" => "hertz",
        "kHz" => "kilohertz",
        "MHz" => "megahertz",
        "GHz" => "gigahertz",
        "W" => "watt",
        "kW" => "kilowatt",
        "V" => "volt",
        "A" => "ampere",
        "dB" => "decibel",
        "KB" | "kB" => "kilobyte",
        "MB" => "megabyte",
        "GB" => "gigabyte",
        "TB" => "terabyte",
        _ => return None,
    })
}

fn per_noun(word: &str) -> Option<&'static str> {
    Some(match word {
        "h" | "hr" | "hour" => "hour",
        "s" | "sec" => "second",
        "min" => "minute",
        "m" => "meter",
        "km" => "kilometer",
        "kg" => "kilogram",
        "l" | "L" => "liter",
        _ => return None,
    })
}
