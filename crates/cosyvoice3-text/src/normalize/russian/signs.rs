//! Signs: each has a name, or a sound of its own between numbers.

use crate::Language;

use super::{
    super::{
        figures::{self, Style, figure},
        reader::Reader,
        signs,
    },
    Russian,
    amounts::{digits_words, figure_words},
    governing::governed,
    nouns::senses,
    numerals::{Case, Gender},
    surroundings::LONGEST_LIST,
};

impl Reader<'_, Russian> {
    pub(super) fn sign(&mut self, at: usize) -> usize {
        if let Some(end) = self.telephone(at) {
            return end;
        }
        let next = self.tokens.skip_space(at + 1);
        if self.tokens.number(next).is_some()
            && let Some(end) = self.sign_of_number(at, next)
        {
            return end;
        }
        if let Some(end) = self.keys(at) {
            return end;
        }
        match self.tokens.text(at) {
            "№" => return self.number_sign(at),
            "§" if self.tokens.text(at + 1) == "§" => {
                self.out.say(" параграфы ");
                return at + 2;
            }
            ":" | "∶" if self.tokens.number(next).is_some() && self.follows_number(at) => {
                if let Some(end) = self.ratio(at, next) {
                    return end;
                }
            }
            mark => match name(mark) {
                Some(name) => self.out.say(name),
                None => match signs::name(mark, Language::Russian) {
                    Some(name) => self.out.say(&format!(" {name} ")),
                    None => self.out.copy(mark),
                },
            },
        }
        at + 1
    }

    /// `*100#`, `0412#`: keys of a telephone.
    fn keys(&mut self, at: usize) -> Option<usize> {
        if self.tokens.text(at) == "#" && at > 0 && self.tokens.number(at - 1).is_some() {
            self.out.say(" решётка");
            return Some(at + 1);
        }
        let mut end = at;
        while end - at <= LONGEST_LIST
            && self.tokens.text(end) == "*"
            && self.tokens.number(end + 1).is_some()
        {
            end += 2;
        }
        if end == at || self.tokens.text(end) != "#" {
            return None;
        }
        for i in at..end {
            match self.tokens.number(i) {
                Some(digits) => self.out.say(&digits_words(digits)),
                None => self.out.say(" звёздочка"),
            }
        }
        self.out.say(" решётка");
        Some(end + 1)
    }

    /// A sign that belongs to the number at `next`.
    fn sign_of_number(&mut self, at: usize, next: usize) -> Option<usize> {
        let mark = self.tokens.text(at);
        let name = match mark {
            "#" => "номер",
            "-" if figures::is_sign(self.tokens, at) => "минус",
            "+" if figures::is_sign(self.tokens, at) => "плюс",
            "±" => "плюс-минус",
            "~" => "примерно",
            "≈" if !self.follows_number(at) => "примерно",
            "-" if self.follows_number(at) && self.is_product(next) => {
                self.out.say(" минус ");
                return Some(at + 1);
            } // Their cases are in the table of governing words.
            "√" => " корень из ",
            "≥" => " больше или равно ",
            "≤" => " меньше или равно ",
            ">" => " больше ",
            "<" => " меньше ",
            "/" | ":" | "÷" if self.follows_number(at) && self.is_product(next) => {
                self.out.say(" разделить на ");
                return Some(at + 1);
            }
            "$" | "€" | "£" | "¥" | "₽" | "₴" | "₸" | "₩" | "₹" | "₺" => {
                return Some(self.money(at, next));
            }
            "×" | "*" if self.follows_number(at) => {
                let power = self.tokens.text(next + 1) == "^";
                self.out.say(if power || self.is_product(next) {
                    " умножить на "
                } else {
                    " на "
                });
                return Some(at + 1);
            }
            _ => return None,
        };
        self.out.say(name);
        let start = if matches!(mark, "≥" | "≤" | ">" | "<" | "√") {
            next
        } else {
            at
        };
        Some(self.number(next, start))
    }

    /// `3×4=12`, but `40×20 см`: what is multiplied is equal to something.
    pub(super) fn is_product(&self, next: usize) -> bool {
        let mut at = next;
        for _ in 0..LONGEST_LIST {
            let Some(figure) = figure(self.tokens, at, Style::Russian) else {
                return false;
            };
            let sign = self.tokens.skip_space(figure.end);
            match self.tokens.text(sign) {
                "=" => return true,
                "×" | "*" | "+" | "-" | "÷" | "/" | ":" => at = self.tokens.skip_space(sign + 1),
                _ => return false,
            }
        }
        false
    }

    /// `№ 5`, `под № 5`, `вагоны №№ 5, 6 и 11`.
    fn number_sign(&mut self, at: usize) -> usize {
        let double = self.tokens.text(at + 1) == "№";
        let next = self.tokens.skip_space(at + 1 + usize::from(double));
        self.out
            .say(match (double, self.tokens.word_before(at).as_str()) {
                (true, before) if !is_oblique(before) => " номера ",
                (_, "под" | "за") => " номером ",
                _ => " номер ",
            });
        if self.tokens.number(next).is_none() {
            return at + 1 + usize::from(double);
        }
        self.number(next, at)
    }

    /// `3:1`: *три один* of a score, *один к ста* of a scale.
    fn ratio(&mut self, at: usize, next: usize) -> Option<usize> {
        let first = (at.saturating_sub(2)..at)
            .rev()
            .find(|i| self.tokens.number(*i).is_some())?;
        let word = self.tokens.word_before(first);
        if is_scale(&word) {
            let figure = figure(self.tokens, next, Style::Russian)?;
            self.out.say(" к ");
            self.out
                .say(&figure_words(&figure, Gender::Masculine, Case::Dative));
            return Some(figure.end);
        }
        self.out.copy(if next == at + 1 {
            " "
        } else {
            self.tokens.text(at)
        });
        None
    }
}

/// True if two numbers with a colon after `word` are a scale or a proportion.
pub(super) fn is_scale(word: &str) -> bool {
    ["масштаб", "соотношени", "пропорци", "отношени"]
        .iter()
        .any(|stem| word.starts_with(stem))
}

/// True if a noun that is no nominative, or a word that governs, stands before `№`: *к путям номер один - шесть*.
fn is_oblique(word: &str) -> bool {
    let senses = senses(word);
    let direct = senses.iter().any(|sense| sense.case == Case::Nominative);
    governed(word).is_some() || !senses.is_empty() && !direct
}

/// The name of a sign without a number that would determine its form.
fn name(sign: &str) -> Option<&'static str> {
    Some(match sign {
        "§" => " параграф ",
        "%" => " процентов ",
        "‰" => " промилле ",
        "°" => " градусов ",
        "$" => " долларов ",
        "€" => " евро ",
        "£" => " фунтов ",
        "¥" => " иен ",
        "₽" => " рублей ",
        "₴" => " гривен ",
        "₸" => " тенге ",
        "₩" => " вон ",
        "₹" => " рупий ",
        "₺" => " лир ",
        "¢" => " центов ",
        "&" => " и ",
        "+" => " плюс ",
        "=" => " равно ",
        "@" => " собака ",
        "÷" => " разделить на ",
        "×" => " на ",
        "±" => " плюс-минус ",
        "≈" => " примерно ",
        "≥" => " больше или равно ",
        "≤" => " меньше или равно ",
        "≠" => " не равно ",
        "→" => " стрелка ",
        "∶" => " к ",
        "²" => " в квадрате ",
        "³" => " в кубе ",
        "#" | "*" | "_" | "~" | "/" | "\\" | "<" | ">" => " ",
        _ => return None,
    })
}
