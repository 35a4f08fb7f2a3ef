//! Amounts of money in English: `$5.50`, `$.01`, `$20/mo`, `$40-$75`, `EUR 5bn`, `50p`.

use super::{
    English,
    numerals::{cardinal, plural},
    units,
};
use crate::normalize::{
    figures::{Figure, Style, range_end},
    reader::Reader,
};

/// A currency: its signs and codes apart by `|`, what it is called, and its hundredth part.
struct Currency {
    names: &'static str,
    one: &'static str,
    many: &'static str,
    cent: &'static str,
    cents: &'static str,
}

const fn currency(
    names: &'static str,
    one: &'static str,
    many: &'static str,
    cent: &'static str,
    cents: &'static str,
) -> Currency {
    Currency {
        names,
        one,
        many,
        cent,
        cents,
    }
}

const CURRENCIES: [Currency; 30] = [
    currency("US$", "U S dollar", "U S dollars", "cent", "cents"),
    currency(
        "HK$|HKD",
        "Hong Kong dollar",
        "Hong Kong dollars",
        "cent",
        "cents",
    ),
    currency(
        "NZ$|NZD",
        "New Zealand dollar",
        "New Zealand dollars",
        "cent",
        "cents",
    ),
    currency(
        "A$|AU$",
        "Australian dollar",
        "Australian dollars",
        "cent",
        "cents",
    ),
    currency(
        "C$|CA$",
        "Canadian dollar",
        "Canadian dollars",
        "cent",
        "cents",
    ),
    currency(
        "S$",
        "Singapore dollar",
        "Singapore dollars",
        "cent",
        "cents",
    ),
    currency("R$|BRL", "real", "reais", "centavo", "centavos"),
    currency("$|USD", "dollar", "dollars", "cent", "cents"),
    currency("€|EUR", "euro", "euros", "cent", "cents"),
    currency("£|GBP", "pound", "pounds", "penny", "pence"),
    currency("¥|JPY", "yen", "yen", "", ""),
    currency("₽|RUB", "rouble", "roubles", "kopeck", "kopecks"),
    currency("₩|KRW", "won", "won", "", ""),
    currency("₹|INR", "rupee", "rupees", "paisa", "paise"),
    currency("₴|UAH", "hryvnia", "hryvnias", "kopiyka", "kopiykas"),
    currency("₺|TRY", "lira", "lira", "kurus", "kurus"),
    currency("₸|KZT", "tenge", "tenge", "tiyn", "tiyn"),
    currency("₿|BTC", "bitcoin", "bitcoins", "", ""),
    currency("₪|ILS", "shekel", "shekels", "agora", "agorot"),
    currency("฿|THB", "baht", "baht", "satang", "satang"),
    currency("₫|VND", "dong", "dong", "", ""),
    currency("₦|NGN", "naira", "naira", "kobo", "kobo"),
    currency("₱|PHP", "peso", "pesos", "centavo", "centavos"),
    currency("CNY|RMB", "yuan", "yuan", "fen", "fen"),
    currency("CHF", "Swiss franc", "Swiss francs", "centime", "centimes"),
    currency(
        "CAD",
        "Canadian dollar",
        "Canadian dollars",
        "cent",
        "cents",
    ),
    currency(
        "AUD",
        "Australian dollar",
        "Australian dollars",
        "cent",
        "cents",
    ),
    currency("SEK", "Swedish krona", "Swedish kronor", "ore", "ore"),
    currency("PLN", "zloty", "zlotys", "grosz", "groszy"),
    currency(
        "SGD",
        "Singapore dollar",
        "Singapore dollars",
        "cent",
        "cents",
    ),
];

const POWERS: [&str; 5] = ["hundred", "thousand", "million", "billion", "trillion"];

fn find(name: &str) -> Option<&'static Currency> {
    CURRENCIES
        .iter()
        .find(|currency| !name.is_empty() && currency.names.split('|').any(|known| known == name))
}

/// True if `sign` is that of a currency.
pub(super) fn is_sign(sign: &str) -> bool {
    find(sign).is_some() && !sign.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// The name of a currency's sign or code, in the plural.
pub(super) fn name(sign: &str) -> Option<&'static str> {
    find(sign).map(|currency| currency.many)
}

/// The name of a currency's sign that stands alone: `in $ or €`.
pub(super) fn name_of_one(sign: &str) -> Option<&'static str> {
    find(sign).map(|currency| currency.one)
}

/// A figure and the power of ten in words behind it.
struct Amount<'a> {
    figure: Figure<'a>,
    power: Option<&'static str>,
    end: usize,
}

impl Currency {
    fn count(&self, value: u64) -> String {
        let noun = if value == 1 { self.one } else { self.many };
        format!("{} {noun}", cardinal(value))
    }

    fn count_cents(&self, value: u64) -> String {
        let noun = if value == 1 { self.cent } else { self.cents };
        format!("{} {noun}", cardinal(value))
    }

    /// *five dollars and fifty cents*, *five point four billion dollars*.
    fn words(&self, amount: &Amount) -> String {
        let figure = &amount.figure;
        if let Some(power) = amount.power {
            return format!("{} {power} {}", super::figure_words(figure), self.many);
        }
        // `$20.500` and `$20.5` are twenty dollars and fifty cents; `$12.345` is no whole number of cents.
        let fraction = figure.fraction.map(|digits| digits.trim_end_matches('0'));
        let cents = fraction
            .filter(|digits| digits.len() <= 2 && !self.cent.is_empty())
            .and_then(|digits| format!("{digits:0<2}").parse().ok());
        let whole = if figure.digits.is_empty() {
            Some(0)
        } else {
            figure.integer()
        };
        match (whole, cents) {
            (Some(0), Some(cents)) if cents > 0 => self.count_cents(cents),
            (Some(value), Some(0)) => self.count(value),
            (Some(value), Some(cents)) => {
                format!("{} and {}", self.count(value), self.count_cents(cents))
            }
            (Some(value), None) if figure.fraction.is_none() => self.count(value),
            _ => {
                let figure = Figure {
                    fraction: fraction.filter(|digits| !digits.is_empty()),
                    digits: figure.digits.clone(),
                    end: figure.end,
                };
                format!("{} {}", super::figure_words(&figure), self.many)
            }
        }
    }
}

impl<'t> Reader<'t, English> {
    /// An amount whose currency's sign or code stands at `at`.
    pub(super) fn money(&mut self, at: usize) -> Option<usize> {
        self.money_in(self.tokens.text(at), self.tokens.skip_space(at + 1))
    }

    /// An amount in the currency `name` whose number stands at `at`.
    pub(super) fn money_in(&mut self, name: &str, at: usize) -> Option<usize> {
        let currency = find(name)?;
        let first = self.amount(at)?;
        if let Some((second, both)) = self.second_amount(&first, currency) {
            let said = match second.power.filter(|_| first.power.is_none()) {
                _ if both => format!("{} to {}", currency.words(&first), currency.words(&second)),
                _ => format!(
                    "{} to {}",
                    super::figure_words(&first.figure),
                    currency.words(&second)
                ),
            };
            self.out.say(&said);
            return Some(self.price_per(second.end).unwrap_or(second.end));
        }
        let mut said = currency.words(&first);
        // `a $5 bill`
        if let Some(stem) = said.strip_suffix(currency.many)
            && (self.is_attributive(at - 1, first.end)
                || self.is_priced(first.end)
                || self.tokens.text(first.end) == "-" && self.tokens.is_word(first.end + 1))
        {
            said = format!("{stem}{}", currency.one);
        }
        self.out.say(&said);
        Some(self.price_per(first.end).unwrap_or(first.end))
    }

    /// True if a thing with a price follows the amount that ends before `end`: `the $10 fee`.
    fn is_priced(&self, end: usize) -> bool {
        const THINGS: [&str; 18] = [
            "fee",
            "bill",
            "note",
            "coin",
            "ticket",
            "fine",
            "charge",
            "deposit",
            "prize",
            "reward",
            "discount",
            "voucher",
            "surcharge",
            "toll",
            "fare",
            "coupon",
            "loan",
            "grant",
        ];
        THINGS.contains(&self.tokens.text(self.tokens.skip_space(end)))
    }

    /// The second amount of a range, and whether it has a sign of its own.
    fn second_amount(&self, first: &Amount, currency: &Currency) -> Option<(Amount<'t>, bool)> {
        let dash = self.tokens.skip_space(first.end);
        if !matches!(self.tokens.text(dash), "-" | "—") {
            return None;
        }
        let next = self.tokens.skip_space(dash + 1);
        if find(self.tokens.text(next)).is_some_and(|second| std::ptr::eq(second, currency)) {
            return self
                .amount(self.tokens.skip_space(next + 1))
                .map(|second| (second, true));
        }
        range_end(self.tokens, first.end, Style::English)?;
        let second = self.amount(next)?;
        let both = first.power.is_some();
        Some((second, both))
    }

    fn amount(&self, at: usize) -> Option<Amount<'t>> {
        let mut figure = self.figure(at)?;
        // `€20,50`, as most of Europe writes
        if figure.fraction.is_none()
            && self.tokens.text(figure.end) == ","
            && let Some(cents) = self
                .tokens
                .number(figure.end + 1)
                .filter(|cents| cents.len() == 2)
            && self.tokens.text(figure.end + 2) != ","
        {
            figure = Figure {
                fraction: Some(cents),
                end: figure.end + 2,
                ..figure
            };
        }
        let next = self.tokens.skip_space(figure.end);
        let power = match self.tokens.text(next) {
            "k" | "K" if next == figure.end => Some("thousand"),
            "M" | "m" | "mn" | "mln" | "mm" | "MM" if next == figure.end => Some("million"),
            "B" | "b" | "bn" | "Bn" if next == figure.end => Some("billion"),
            "T" | "t" | "tn" if next == figure.end => Some("trillion"),
            "k" | "K" if self.is_power_of_money(at, next) => Some("thousand"),
            "b" | "B" if self.is_power_of_money(at, next) => Some("billion"),
            "m" | "M" if self.is_power_of_money(at, next) => Some("million"),
            "mn" | "mln" => Some("million"),
            "bn" | "bln" => Some("billion"),
            "tn" | "trn" => Some("trillion"),
            word => POWERS.iter().find(|power| **power == word).copied(),
        };
        let end = if power.is_some() {
            next + 1
        } else {
            figure.end
        };
        Some(Amount { figure, power, end })
    }

    /// True if the letter at `next`, apart from the amount at `at`, is a power of ten: `$30 b`, not `$5 B-movies`.
    fn is_power_of_money(&self, at: usize, next: usize) -> bool {
        let behind_sign = at > 0 && is_sign(self.tokens.text(at - 1));
        let goes_on = matches!(self.tokens.text(next + 1), "-" | "'" | "&" | "/")
            || self.tokens.number(next + 1).is_some()
            || self.tokens.text(next + 1) == "." && self.tokens.is_word(next + 2);
        behind_sign && !goes_on
    }

    /// `5 USD`, `5 million EUR`, `50p`, `50¢`: the amount whose number stands at `at`.
    pub(super) fn money_after(&mut self, at: usize) -> Option<usize> {
        let amount = self.amount(at)?;
        let next = self.tokens.skip_space(amount.end);
        let sign = self.tokens.text(next);
        if let Some(currency) = find(sign)
            && !(is_sign(sign) && self.number_begins(next + 1))
        {
            let said = currency.words(&amount);
            self.out.say(&said);
            return Some(self.price_per(next + 1).unwrap_or(next + 1));
        }
        let (one, many) = match sign {
            "¢" => ("cent", "cents"),
            "p" if next == amount.end && amount.figure.whole().is_some_and(|pence| pence < 100) => {
                ("penny", "pence")
            }
            _ => return None,
        };
        let words = super::figure_words(&amount.figure);
        let noun = if amount.figure.whole() == Some(1) {
            one
        } else {
            many
        };
        self.out.say(&format!("{words} {noun}"));
        Some(self.price_per(next + 1).unwrap_or(next + 1))
    }

    /// `/mo` behind a price.
    fn price_per(&mut self, end: usize) -> Option<usize> {
        if self.tokens.text(end) != "/" {
            return None;
        }
        let word = self.tokens.text(end + 1);
        let known = units::per(word);
        let said =
            known.or_else(|| (word.len() > 2 && self.tokens.is_word(end + 1)).then_some(word))?;
        self.out.say(&match said {
            "each" => " each".to_owned(),
            said => format!(" per {said}"),
        });
        // `$2.99/lb. on all apples`
        let stop = known.is_some()
            && self.tokens.text(end + 2) == "."
            && !self.tokens.ends_sentence(end + 2);
        Some(end + 2 + usize::from(stop))
    }

    /// *nineties*, *twenties* for `1990s` and `20s`.
    pub(super) fn decade(&self, value: u64, length: usize) -> String {
        if matches!(value, 100 | 1000) {
            return if value == 100 {
                "hundreds"
            } else {
                "thousands"
            }
            .to_owned();
        }
        let words = if length == 4 {
            super::numerals::in_pairs(value)
        } else {
            cardinal(value)
        };
        plural(&words)
    }
}
