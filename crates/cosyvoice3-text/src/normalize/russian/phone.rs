//! Telephone numbers in groups, and the numbers of accounts and documents digit by digit.

use super::{
    super::{figures, reader::Reader},
    Russian,
    amounts::{digits_words, each_digit},
    nouns::{Kind, senses},
    units,
};

/// Words before a number that is read digit by digit, besides the nouns of that kind.
const CODES: [&str; 15] = [
    "ИНН",
    "КПП",
    "ОГРН",
    "ОГРНИП",
    "БИК",
    "ОКПО",
    "ОКТМО",
    "ОКАТО",
    "СНИЛС",
    "КБК",
    "УИН",
    "IMEI",
    "VIN",
    "ID",
    "ПИН",
];

/// From so many digits on the number of a document is no amount.
const LONG: usize = 5;

impl<'a> Reader<'a, Russian> {
    /// A telephone number that starts at `at`.
    pub(super) fn telephone(&mut self, at: usize) -> Option<usize> {
        let starts = match self.tokens.text(at) {
            "+" => self.tokens.number(at + 1).is_some(),
            "(" => self
                .tokens
                .number(at + 1)
                .is_some_and(|group| (3..=5).contains(&group.len())),
            _ => self.tokens.number(at).is_some(),
        };
        if !starts {
            return None;
        }
        let (groups, end) = figures::telephone(self.tokens, at)
            .or_else(|| self.blank_groups(at))
            .or_else(|| self.called_number(at))?;
        if self.tokens.text(at) == "+" {
            self.out.say("плюс");
        }
        let groups: Vec<String> = groups.into_iter().flat_map(spoken_groups).collect();
        for (i, group) in groups.iter().enumerate() {
            if i > 0 && could_be_one(&groups[i - 1], group) {
                self.out.say(", ");
            }
            self.out.say(&digits_words(group));
        }
        Some(end)
    }

    /// `007 495 123 45 67`: groups as Russian numbers are written, parted by blanks alone.
    fn blank_groups(&self, at: usize) -> Option<(Vec<&'a str>, usize)> {
        if !matches!(self.tokens.number(at), Some("7" | "8" | "007")) {
            return None;
        }
        let mut groups = Vec::new();
        let mut next = at;
        while let Some(group) = self.tokens.number(next).filter(|_| groups.len() < 6) {
            groups.push(group);
            if self.tokens.text(next + 1) != " " {
                next += 1;
                break;
            }
            next += 2;
        }
        let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
        if !matches!(lengths[1..], [3, 3, 2, 2] | [4, 2, 2, 2]) {
            return None;
        }
        // The last blank belongs to what follows.
        let end = next - usize::from(self.tokens.text(next - 1) == " ");
        Some((groups, end))
    }

    /// `тел. 223344`, `по телефонам: 903-543, 903-545`: after a word that says what they are.
    fn called_number(&self, at: usize) -> Option<(Vec<&'a str>, usize)> {
        let first = self.tokens.number(at)?;
        if first.len() < 5 && self.tokens.text(at + 1) != "-" {
            return None;
        }
        let mut groups = vec![first];
        let mut end = at + 1;
        while self.tokens.text(end) == "-"
            && let Some(group) = self.tokens.number(end + 1).filter(|_| groups.len() < 4)
        {
            groups.push(group);
            end += 2;
        }
        let digits: usize = groups.iter().map(|group| group.len()).sum();
        let called = || {
            self.words_before(at).iter().any(|word| {
                let word = word.to_lowercase();
                ["тел", "факс", "звон"]
                    .iter()
                    .any(|stem| word.starts_with(stem))
            })
        };
        let short = matches!(groups[..], [a, b, c] if (a.len(), b.len(), c.len()) == (1, 2, 2));
        (short || (5..=7).contains(&digits) && called()).then_some((groups, end))
    }

    /// The last three words before `at`, as far as no sentence ends between.
    fn words_before(&self, at: usize) -> Vec<&'a str> {
        let mut words = Vec::new();
        for i in (at.saturating_sub(8)..at).rev() {
            match self.tokens.text(i) {
                "!" | "?" | ";" => break,
                text if self.tokens.is_word(i) => words.push(text),
                _ => {}
            }
            if words.len() == 3 {
                break;
            }
        }
        words
    }

    /// `123456, г. Москва`: the index at the head of an address, in two groups.
    fn index_of_address(&mut self, at: usize) -> Option<usize> {
        let digits = self
            .tokens
            .number(at)
            .filter(|digits| digits.len() == LONG + 1)?;
        let heads = self
            .previous(at)
            .is_none_or(|before| self.tokens.text(before) == ":");
        let place = self.tokens.skip_space(at + 2);
        let named = (place..place + LONG).any(|i| {
            matches!(
                self.tokens.text(i),
                "г" | "обл"
                    | "область"
                    | "край"
                    | "респ"
                    | "ул"
                    | "Москва"
                    | "Россия"
                    | "Петербург"
            )
        });
        if !heads || self.tokens.text(at + 1) != "," || !named {
            return None;
        }
        let (first, second) = digits.split_at(3);
        let (first, second) = (digits_words(first), digits_words(second));
        self.out.say(&format!("{first}, {second}"));
        Some(at + 1)
    }

    /// `паспорт серии 4510 № 123456`: the series by pairs of digits, then the number digit by digit.
    fn series(&mut self, at: usize) -> Option<usize> {
        let digits = self.tokens.number(at)?;
        let of_series = |at: usize| self.tokens.word_before(at).starts_with("сери");
        if digits.len() == 4 && of_series(at) {
            let (first, second) = digits.split_at(2);
            let (first, second) = (digits_words(first), digits_words(second));
            self.out.say(&format!("{first} {second}"));
            return Some(at + 1);
        }
        let sign = self
            .previous(at)
            .filter(|sign| self.tokens.text(*sign) == "№");
        let before = sign.and_then(|sign| self.previous(sign))?;
        // `Паспорт 45 12 № 654321`
        let first = before.saturating_sub(2);
        let of_passport = before > 2
            && self.tokens.text(before - 1) == " "
            && self
                .tokens
                .number(first)
                .is_some_and(|first| first.len() == 2)
            && self.tokens.word_before(first).starts_with("паспорт");
        let follows = self.tokens.number(before).is_some() && (of_series(before) || of_passport);
        if !follows || digits.len() <= LONG {
            return None;
        }
        self.out.say(&each_digit(digits));
        Some(at + 1)
    }

    /// `ИНН 7701234567`, `карта 4276 1234 5678 9012`: digit by digit, with a pause between groups.
    pub(super) fn code(&mut self, at: usize) -> Option<usize> {
        if let Some(end) = self.index_of_address(at) {
            return Some(end);
        }
        if let Some(end) = self.series(at) {
            return Some(end);
        }
        let first = self.tokens.number(at)?;
        let joined =
            matches!(self.tokens.text(at + 1), " " | "-") && self.tokens.number(at + 2).is_some();
        // `RA123456789RU`, `*4276`
        let parcel = first.len() >= 7
            && at > 0
            && self.tokens.text(at - 1).is_ascii()
            && self.tokens.is_word(at - 1);
        if parcel || first.len() == 4 && self.is_end_of_card(at) {
            self.out.say(&each_digit(first));
            return Some(at + 1);
        }
        if first.len() < LONG && !joined {
            return None;
        }
        if let Some(end) = self.card(at) {
            return Some(end);
        }
        let mut groups = vec![first];
        let mut end = at + 1;
        while matches!(self.tokens.text(end), " " | "-" | "/")
            && let Some(group) = self.tokens.number(end + 1).filter(|_| groups.len() < 8)
        {
            if self.tokens.text(end) == "/" && group.len() < LONG {
                break;
            }
            groups.push(group);
            end += 2;
        }
        let digits: usize = groups.iter().map(|group| group.len()).sum();
        // `код 7-7-3`
        let apart = groups.len() > 2 && groups.iter().all(|group| group.len() == 1);
        if digits < LONG && !apart || !self.follows_code_name(at) {
            return None;
        }
        let said: Vec<String> = groups.iter().map(|group| each_digit(group)).collect();
        self.out.say(&said.join(", "));
        Some(end)
    }

    /// `2200 1234 5678 9012`: the number of a card by its form, in groups.
    fn card(&mut self, at: usize) -> Option<usize> {
        let groups: Option<Vec<&str>> = (0..4)
            .map(|i| {
                self.tokens
                    .number(at + 2 * i)
                    .filter(|group| group.len() == 4)
            })
            .collect();
        let groups = groups?;
        let blanks = (0..3).all(|i| self.tokens.text(at + 2 * i + 1) == " ");
        if !blanks || self.tokens.number(at + 8).is_some() {
            return None;
        }
        let said: Vec<String> = groups.iter().map(|group| each_digit(group)).collect();
        self.out.say(&said.join(", "));
        Some(at + 7)
    }

    /// `карта *4276`, `карта **** 4276`: the last digits of a number that is hidden.
    fn is_end_of_card(&self, at: usize) -> bool {
        let stars = (at.saturating_sub(6)..at)
            .rev()
            .take_while(|i| matches!(self.tokens.text(*i), "*" | " "));
        let first = stars.last().unwrap_or(at);
        if first == 0 || !(first..at).any(|i| self.tokens.text(i) == "*") {
            return false;
        }
        let word = self.tokens.text(first - 1).to_lowercase();
        ["карт", "счёт", "счет"]
            .iter()
            .any(|stem| word.starts_with(stem))
    }

    /// `код подтверждения`, `пароль для входа`: the index of the word before the one at `at`, which says what it is for.
    fn code_with_purpose(&self, at: usize) -> Option<usize> {
        let word = self.tokens.text(at);
        let purpose = self.tokens.is_word(at)
            && word.starts_with(char::is_lowercase)
            && ["а", "я", "и", "ы"]
                .iter()
                .any(|ending| word.ends_with(ending));
        let before = self.previous_word(at).filter(|_| purpose)?;
        match self.tokens.text(before) {
            "для" => self.previous_word(before),
            _ => Some(before),
        }
    }

    /// True if the number at `at` is one of roubles and the like.
    fn is_amount_of_money(&self, at: usize) -> bool {
        let next = self.tokens.text(self.tokens.skip_space(at + 1));
        units::currency(next).is_some() || next.starts_with("рубл")
    }

    fn follows_code_name(&self, at: usize) -> bool {
        let marks = |i: &usize| matches!(self.tokens.text(*i), " " | "№" | ":" | "номер");
        let Some(name) = (at.saturating_sub(6)..at).rev().find(|i| !marks(i)) else {
            return false;
        };
        let word = self.tokens.text(name);
        let with_purpose = self.code_with_purpose(name).is_some_and(|name| {
            let name = self.tokens.text(name).to_lowercase();
            matches!(name.as_str(), "код" | "кода" | "коду" | "кодом" | "пароль")
        });
        if with_purpose && !self.is_amount_of_money(at) {
            return true;
        }
        let account = matches!(word, "с" | "сч") && self.tokens.text(name.wrapping_sub(1)) == "/";
        account
            || CODES.contains(&word)
            || self.tokens.is_word(name)
                && senses(word)
                    .iter()
                    .any(|sense| !sense.plural && sense.noun.is(Kind::Code))
    }
}

/// True if two groups without a pause would be heard as one number: *сто двадцать*.
fn could_be_one(first: &str, second: &str) -> bool {
    let zeros = first.len() - first.trim_end_matches('0').len();
    !first.starts_with('0')
        && !second.starts_with('0')
        && zeros >= second.len()
        && zeros < first.len()
}

/// A group of a telephone number as it is read: two and three digits at a time.
fn spoken_groups(group: &str) -> Vec<String> {
    let cuts: &[usize] = match group.len() {
        // 8 926 123 45 67 without its blanks.
        11 => &[1, 4, 7, 9],
        10 => &[3, 6, 8],
        7 => &[3, 5],
        6 => &[2, 4],
        4 if group.ends_with("00") => &[],
        4 | 5 => &[2],
        _ => &[],
    };
    let ends = cuts.iter().copied().chain([group.len()]);
    let starts = [0].into_iter().chain(cuts.iter().copied());
    starts
        .zip(ends)
        .map(|(start, end)| group[start..end].to_owned())
        .collect()
}
