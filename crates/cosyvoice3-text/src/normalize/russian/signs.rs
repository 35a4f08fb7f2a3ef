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
    nouns::{Noun, senses},
    numerals::{Case, Gender},
    surroundings::LONGEST_LIST,
    units,
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
        if let Some(end) = self
            .keys(at)
            .or_else(|| self.stars_of_hotel(at))
            .or_else(|| self.key(at))
            .or_else(|| self.alone(at))
        {
            return end;
        }
        if let Some(end) = self.rate_of_counted(at) {
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

    /// `5 раз/нед.`, `2 таблетки/день`: the time after a noun that is counted.
    fn rate_of_counted(&mut self, at: usize) -> Option<usize> {
        let counted = at
            .checked_sub(1)
            .filter(|at| self.tokens.is_word(*at) || self.tokens.text(*at) == "%")?;
        let unit = self.tokens.text(at + 1);
        let time = units::unit(unit).is_some_and(|unit| unit.is_time())
            || matches!(unit, "день" | "неделю" | "неделя" | "месяц" | "год" | "час");
        if self.tokens.text(at) != "/" || !time || !self.follows_number(counted) {
            return None;
        }
        let (tail, end) = self.rate(at, false)?;
        self.out.say(" ");
        self.out.say(&tail);
        Some(end)
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

    /// `отель 5*`: the stars of a hotel after their number.
    fn stars_of_hotel(&mut self, at: usize) -> Option<usize> {
        let stars = self
            .tokens
            .number(at.checked_sub(1)?)
            .and_then(figures::integer)
            .filter(|stars| self.tokens.text(at) == "*" && *stars <= 7)?;
        let is_hotel = |i: usize| {
            let word = self.tokens.text(i).to_lowercase();
            ["отел", "гостиниц", "hotel", "хостел", "санатори"]
                .iter()
                .any(|stem| word.starts_with(stem))
        };
        if !(at.saturating_sub(10)..at + 4).any(is_hotel) {
            return None;
        }
        self.out.say(match stars {
            1 => "звезда",
            2..=4 => "звезды",
            _ => "звёзд",
        });
        Some(at + 1)
    }

    /// `нажмите #`, `«*»`, `C#`, `#новости`: a sign that is meant itself, and no mark of layout.
    fn key(&mut self, at: usize) -> Option<usize> {
        let mark = self.tokens.text(at);
        let (nominative, accusative) = key_name(mark)?;
        let glued = at > 0 && self.tokens.is_word(at - 1);
        if mark == "#" && glued && self.tokens.text(at - 1).is_ascii() {
            let letter = self.tokens.text(at - 1);
            self.out.say(match letter {
                "C" | "F" => " шарп",
                _ => " диез",
            });
            return Some(at + 1);
        }
        if mark == "#" && !glued && self.tokens.is_word(at + 1) {
            let named = ["хештег", "хэштег"]
                .iter()
                .any(|stem| self.tokens.word_before(at).starts_with(stem));
            self.out.say(if named { "" } else { "хештег " });
            return Some(at + 1);
        }
        let quoted = at > 0
            && matches!(self.tokens.text(at - 1), "«" | "\"" | "(" | "'")
            && matches!(self.tokens.text(at + 1), "»" | "\"" | ")" | "'");
        let apart = !glued
            && (at == 0 || self.tokens.number(at - 1).is_none())
            && (at == 0 || self.tokens.text(at - 1) != mark)
            && !self.tokens.is_word(at + 1)
            && self.tokens.number(at + 1).is_none()
            && self.tokens.text(at + 1) != mark;
        // `# — отмена`
        let explained = self.tokens.text(at + 1) == " " && self.tokens.text(at + 2) == "—";
        let asked = self.key_is_asked_for(at.saturating_sub(usize::from(quoted)));
        if !quoted && !(apart && (explained || asked.is_some())) {
            return None;
        }
        self.out.say(match asked {
            Some(Case::Accusative) => accusative,
            _ => nominative,
        });
        Some(at + 1)
    }

    /// The case of a key at `at` after a word that asks for it: `нажмите`, `клавиша`, `* или`.
    fn key_is_asked_for(&self, at: usize) -> Option<Case> {
        const PRESSED: [&str; 7] = [
            "нажм",
            "нажат",
            "набер",
            "набрат",
            "введ",
            "поставьте",
            "затем",
        ];
        const NAMED: [&str; 6] = ["клавиш", "кнопк", "символ", "знак", "звёздочк", "решётк"];
        let mut at = at;
        for _ in 0..LONGEST_LIST {
            let word = self.tokens.word_before(at);
            let begins = |stems: &[&str]| stems.iter().any(|stem| word.starts_with(stem));
            if begins(&PRESSED) {
                return Some(Case::Accusative);
            }
            if begins(&NAMED) {
                return Some(Case::Nominative);
            }
            // `* или #`
            let joint = self.previous(at)?;
            if !matches!(self.tokens.text(joint), "или" | "и" | ",") {
                return None;
            }
            let mut first = self.previous(joint)?;
            if matches!(self.tokens.text(first), "»" | "\"") {
                first = first.checked_sub(1)?;
            }
            key_name(self.tokens.text(first))?;
            at = first;
            if at > 0 && matches!(self.tokens.text(at - 1), "«" | "\"") {
                at -= 1;
            }
        }
        None
    }

    /// `%`, `знак €`, `в %`: a sign that no number stands beside.
    fn alone(&mut self, at: usize) -> Option<usize> {
        let noun = Noun::named(match self.tokens.text(at) {
            "%" => "процент",
            "°" => "градус",
            "$" => "доллар",
            "£" => "фунт",
            "₽" => "рубль",
            "¢" => "цент",
            _ => return None,
        })?;
        let beside =
            self.follows_number(at) || self.tokens.number(self.tokens.skip_space(at + 1)).is_some();
        if beside || at > 0 && self.tokens.text(at - 1) == self.tokens.text(at) {
            return None;
        }
        let before = self.tokens.word_before(at);
        let said = match before.as_str() {
            "" => noun.counted(1, Case::Nominative),
            "в" | "во" => noun.counted(5, Case::Prepositional),
            "за" | "на" => noun.one(),
            before
                if ["знак", "символ", "курс"]
                    .iter()
                    .any(|stem| before.starts_with(stem)) =>
            {
                noun.singular(Case::Genitive)
            }
            _ => return None,
        };
        self.out.say(&format!(" {said} "));
        Some(at + 1)
    }

    /// A sign that belongs to the number at `next`.
    fn sign_of_number(&mut self, at: usize, next: usize) -> Option<usize> {
        let mark = self.tokens.text(at);
        // `нажмите #0`, `наберите *7`
        if let Some((nominative, accusative)) = key_name(mark).filter(|_| matches!(mark, "#" | "*"))
            && next == at + 1
            && !matches!(self.tokens.text(next + 1), "*" | "#")
            && let Some(case) = self.key_is_asked_for(at)
        {
            self.out.say(match case {
                Case::Accusative => accusative,
                _ => nominative,
            });
            self.out.say(&digits_words(self.tokens.text(next)));
            return Some(next + 1);
        }
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
            "/" | ":" | "∶" | "÷" if self.follows_number(at) && self.is_product(next) => {
                self.out.say(" разделить на ");
                return Some(at + 1);
            }
            "$" | "€" | "£" | "¥" | "₽" | "₴" | "₸" | "₩" | "₹" | "₺" | "₿" | "₪" | "฿" | "₫"
            | "¢" => {
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
                "×" | "*" | "+" | "-" | "÷" | "/" | ":" | "∶" => {
                    at = self.tokens.skip_space(sign + 1)
                }
                _ => return false,
            }
        }
        false
    }

    /// `№ 5`, `под № 5`, `вагоны №№ 5, 6 и 11`.
    fn number_sign(&mut self, at: usize) -> usize {
        let double = self.tokens.text(at + 1) == "№";
        let next = self.tokens.skip_space(at + 1 + usize::from(double));
        // `д/с № 56`
        let short = self
            .previous_word(at)
            .is_some_and(|word| word > 0 && self.tokens.text(word - 1) == "/");
        let before = match short {
            true => String::new(),
            false => self.tokens.word_before(at),
        };
        self.out.say(match (double, before.as_str()) {
            (true, before) if !is_oblique(before) => " номера ",
            (_, "под" | "за") => " номером ",
            (_, "с" | "со" | "от" | "до" | "из" | "у" | "без" | "после" | "кроме") => {
                " номера "
            }
            (_, "к" | "ко") => " номеру ",
            _ => " номер ",
        });
        if self.tokens.number(next).is_none() {
            return at + 1 + usize::from(double);
        }
        self.number(next, at)
    }

    /// `3:1`: *три один* of a score, *один к ста* of a scale and of a ratio (`1∶100`).
    fn ratio(&mut self, at: usize, next: usize) -> Option<usize> {
        let first = (at.saturating_sub(2)..at)
            .rev()
            .find(|i| self.tokens.number(*i).is_some())?;
        let word = self.tokens.word_before(first);
        if is_scale(&word) || self.tokens.text(at) == "∶" {
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
    [
        "масштаб",
        "соотношени",
        "пропорци",
        "отношени",
        "концентраци",
        "развед",
        "разбав",
        "смеша",
    ]
    .iter()
    .any(|stem| word.starts_with(stem))
}

/// True if a noun that is no nominative, or a word that governs, stands before `№`: *к путям номер один - шесть*.
fn is_oblique(word: &str) -> bool {
    let senses = senses(word);
    let direct = senses.iter().any(|sense| sense.case == Case::Nominative);
    governed(word).is_some() || !senses.is_empty() && !direct
}

/// The name of a sign as a key or a character, in the nominative and the accusative.
fn key_name(sign: &str) -> Option<(&'static str, &'static str)> {
    Some(match sign {
        "#" => ("решётка", "решётку"),
        "*" => ("звёздочка", "звёздочку"),
        "_" => ("подчёркивание", "подчёркивание"),
        "~" => ("тильда", "тильду"),
        "/" => ("слэш", "слэш"),
        "\\" => ("обратный слэш", "обратный слэш"),
        "<" => ("меньше", "меньше"),
        ">" => ("больше", "больше"),
        _ => return None,
    })
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
