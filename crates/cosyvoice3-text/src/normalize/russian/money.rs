//! Amounts of money: `$5,50`, `100 руб. 50 коп.`, `129 руб./кг`, `25 600,50 рублей`.

use super::{
    super::{
        figures::{Style, figure, range_end},
        reader::Reader,
    },
    Russian,
    nouns::{Noun, senses},
    numerals::Case,
    quantities::Amount,
    units::{self, Currency},
};

impl Reader<'_, Russian> {
    /// `$5`, `$5,50`, `$5 млн`.
    pub(super) fn money(&mut self, sign_at: usize, at: usize) -> usize {
        let sign = self.tokens.text(sign_at);
        let before = self.governor(sign_at);
        let (Some(first), Some(currency)) = (
            figure(self.tokens, at, Style::Russian),
            units::currency(sign),
        ) else {
            return self.copy(sign_at);
        };
        let amount = Amount {
            at,
            second: range_end(self.tokens, first.end, Style::Russian),
            first,
            before: &before,
        };
        let end = amount.last().end;
        let next = self.tokens.skip_space(end);
        let case = self.unit_case(&amount, "");
        if let Some(power) = units::multiplier(self.tokens.text(next)) {
            self.say_amount(&amount, &power, case);
            self.out.say(" ");
            self.out.say(&currency.noun.genitive_plural());
            return self.after_stop(next, true);
        }
        if !self.say_with_coins(&amount, currency, case) {
            self.say_amount(&amount, &currency.noun, case);
        }
        self.priced_by(end, end)
    }

    /// Figures before a currency.
    pub(super) fn priced(&mut self, amount: &Amount, next: usize) -> Option<usize> {
        let text = self.tokens.text(next);
        let case = self.unit_case(amount, text);
        let compound = self.tokens.text(next + 1) == "-" && self.tokens.is_word(next + 2);
        let Some(currency) = units::currency(text).filter(|_| !compound) else {
            return self.priced_in_full(amount, next, case);
        };
        let few = amount.last().whole().is_some_and(|count| count <= 10);
        if text == "р" && self.is_times(next, few) {
            self.say_amount(amount, &Noun::named("раз")?, case);
            let stroke = next + 1 + usize::from(self.tokens.text(next + 1) == ".");
            if self.tokens.text(stroke) == "/" && self.tokens.text(stroke + 1) == "д" {
                self.out.say(" в день");
                return Some(self.after_stop(stroke + 1, true));
            }
            let after = self.after_stop(next, true);
            return Some(self.priced_by(next + 1, after));
        }
        let after = self.after_stop(next, currency.takes_stop());
        if self.say_with_coins(amount, currency, case) {
            return Some(self.priced_by(next + 1, after));
        }
        self.say_amount(amount, &currency.noun, case);
        if let Some(end) = self.coins_after(after, case, currency) {
            return Some(end);
        }
        Some(self.priced_by(next + 1, after))
    }

    /// `2 р. в день`.
    fn is_times(&self, at: usize, few: bool) -> bool {
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let preposition = self.tokens.skip_space(at + 1 + stop);
        let time = self.tokens.text(self.tokens.skip_space(preposition + 1));
        let more = matches!(
            self.tokens.text(preposition),
            "больше"
                | "меньше"
                | "чаще"
                | "реже"
                | "выше"
                | "ниже"
                | "дороже"
                | "дешевле"
                | "быстрее"
        );
        // `2 р/день`, but `300 р./день` is a price.
        let per = match self.tokens.text(preposition) {
            "в" => true,
            "/" => few && !matches!(time, "месяц" | "мес" | "год"),
            _ => false,
        };
        more || per
            && matches!(
                time,
                "день"
                    | "сутки"
                    | "неделю"
                    | "месяц"
                    | "год"
                    | "сут"
                    | "нед"
                    | "мес"
                    | "д"
            )
    }

    /// `25 600,50 рублей`: two decimals of a currency in full are its coins.
    fn priced_in_full(&mut self, amount: &Amount, next: usize, case: Case) -> Option<usize> {
        let fraction = amount.single()?.fraction?;
        if fraction.len() != 2 {
            return None;
        }
        let noun = senses(self.tokens.text(next)).first()?.noun;
        let code = match noun.name() {
            "рубль" => "RUB",
            "доллар" => "USD",
            "евро" => "EUR",
            "гривна" => "UAH",
            _ => return None,
        };
        let currency = units::currency(code)?;
        self.say_with_coins(amount, currency, case)
            .then_some(next + 1)
    }

    /// `до 100 руб. 50 коп.`: the coins stand in the case of the whole.
    fn coins_after(&mut self, after: usize, case: Case, currency: &Currency) -> Option<usize> {
        let at = self.tokens.skip_space(after);
        let coins = self.tokens.number(at).filter(|digits| digits.len() <= 2)?;
        let count = coins.parse().ok()?;
        let next = self.tokens.skip_space(at + 1);
        let short = self.tokens.text(next) == "к" && self.tokens.text(next + 1) == ".";
        let coin = currency.coin.as_ref()?;
        if !short && self.tokens.text(next) != "коп" {
            return None;
        }
        self.out.say(" ");
        self.say_counted(count, coin, case);
        Some(self.after_stop(next, true))
    }

    /// `/кг` after a price whose abbreviation ends before `stroke` or, with its full stop, before `after`.
    pub(super) fn priced_by(&mut self, stroke: usize, after: usize) -> usize {
        let stop = usize::from(self.tokens.text(stroke) == ".");
        match self.rate(stroke + stop, true) {
            Some((tail, end)) => {
                self.out.say(" ");
                self.out.say(&tail);
                end
            }
            None => after,
        }
    }

    /// `5,50` of a currency whose hundredths have a name; whether that was said.
    fn say_with_coins(&mut self, amount: &Amount, currency: &Currency, case: Case) -> bool {
        let Some(figure) = amount.single() else {
            return false;
        };
        let cents = figure.fraction.filter(|fraction| fraction.len() == 2);
        let (Some(cents), Some(value), Some(coin)) = (
            cents.and_then(|cents| cents.parse().ok()),
            figure.integer(),
            &currency.coin,
        ) else {
            return false;
        };
        self.say_counted(value, &currency.noun, case);
        if cents > 0 {
            self.out.say(" ");
            self.say_counted(cents, coin, case);
        }
        true
    }

    fn say_counted(&mut self, count: u64, noun: &Noun, case: Case) {
        self.say_number(&noun.count_words(count, case));
        self.out.say(&noun.counted(count, case));
    }
}
