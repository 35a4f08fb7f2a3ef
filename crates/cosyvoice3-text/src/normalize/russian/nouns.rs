//! Russian nouns that are written as signs and abbreviations after numbers: units, currencies, powers of thousand.

use super::numerals::{Case, Gender};

/// Endings: six cases of the singular, six of the plural.
type Endings = [&'static str; 12];

const MASCULINE: Endings = [
    "", "а", "у", "", "ом", "е", "ы", "ов", "ам", "ы", "ами", "ах",
];
/// Like [`MASCULINE`], but *пять ватт*.
const MEASURE: Endings = ["", "а", "у", "", "ом", "е", "ы", "", "ам", "ы", "ами", "ах"];
const SOFT: Endings = [
    "ь", "я", "ю", "ь", "ём", "е", "и", "ей", "ям", "и", "ями", "ях",
];
const FEMININE: Endings = [
    "а", "ы", "е", "у", "ой", "е", "ы", "", "ам", "ы", "ами", "ах",
];
const HUSHING: Endings = [
    "а", "и", "е", "у", "ей", "е", "и", "", "ам", "и", "ами", "ах",
];
const VELAR: Endings = [
    "а", "и", "е", "у", "ой", "е", "и", "", "ам", "и", "ами", "ах",
];
const KOPECK: Endings = [
    "йка",
    "йки",
    "йке",
    "йку",
    "йкой",
    "йке",
    "йки",
    "ек",
    "йкам",
    "йки",
    "йками",
    "йках",
];
const FIXED: Endings = [""; 12];

/// A noun that counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noun {
    pub gender: Gender,
    /// Stem of an adjective in front: *квадратн(ый)*.
    adjective: &'static str,
    stem: &'static str,
    endings: &'static Endings,
    /// What follows in every form: *в час*.
    tail: &'static str,
}

pub(super) const THOUSAND: Noun = noun(Gender::Feminine, "тысяч", &HUSHING);
pub(super) const SPOON: Noun = noun(
    Gender::Feminine,
    "лож",
    &[
        "ка", "ки", "ке", "ку", "кой", "ке", "ки", "ек", "кам", "ки", "ками", "ках",
    ],
);
pub(super) const PERCENT: Noun = Noun::masculine("процент");
pub(super) const DEGREE: Noun = Noun::masculine("градус");

const fn noun(gender: Gender, stem: &'static str, endings: &'static Endings) -> Noun {
    Noun {
        gender,
        adjective: "",
        stem,
        endings,
        tail: "",
    }
}

const fn measure(stem: &'static str) -> Noun {
    noun(Gender::Masculine, stem, &MEASURE)
}

const fn feminine(stem: &'static str) -> Noun {
    noun(Gender::Feminine, stem, &FEMININE)
}

impl Noun {
    /// A noun like *миллион*.
    pub const fn masculine(stem: &'static str) -> Self {
        noun(Gender::Masculine, stem, &MASCULINE)
    }

    /// The noun where it has one form only.
    pub const fn fixed(self) -> Self {
        Self {
            endings: &FIXED,
            ..self
        }
    }

    /// The noun with `tail` after it.
    pub const fn with_tail(self, tail: &'static str) -> Self {
        Self { tail, ..self }
    }

    /// The noun after an adjective with this stem: *квадратн*, *кубическ*.
    pub const fn with_adjective(self, adjective: &'static str) -> Self {
        Self { adjective, ..self }
    }

    /// Its form after `count`, where the whole stands in `case`: *одну минуту, две минуты, пяти минут*.
    pub fn counted(&self, count: u64, case: Case) -> String {
        let direct = matches!(case, Case::Nominative | Case::Accusative);
        match (count % 10, count % 100 / 10) {
            (1, tens) if tens != 1 => self.form(false, case, false),
            // *две чайные ложки*, but *два квадратных метра*.
            (2..=4, tens) if tens != 1 && direct && self.gender == Gender::Feminine => self
                .form(false, Case::Genitive, true)
                .replacen("ых ", "ые ", 1),
            (2..=4, tens) if tens != 1 && direct => self.form(false, Case::Genitive, true),
            _ if direct => self.form(true, Case::Genitive, true),
            _ => self.form(true, case, true),
        }
    }

    /// Its form after a decimal fraction: *две целых пять десятых процента*.
    pub fn after_fraction(&self) -> String {
        self.form(false, Case::Genitive, false)
    }

    /// Its form after another counting noun: *пять миллионов рублей*.
    pub fn genitive_plural(&self) -> String {
        self.form(true, Case::Genitive, true)
    }

    fn form(&self, plural: bool, case: Case, plural_adjective: bool) -> String {
        let ending = self.endings[usize::from(plural) * 6 + case as usize];
        let mut form = String::new();
        if !self.adjective.is_empty() {
            form.push_str(self.adjective);
            form.push_str(self.adjective_ending(case, plural_adjective));
            form.push(' ');
        }
        form.push_str(self.stem);
        form.push_str(ending);
        if !self.tail.is_empty() {
            form.push(' ');
            form.push_str(self.tail);
        }
        form
    }

    fn adjective_ending(&self, case: Case, plural: bool) -> &'static str {
        let velar = self.adjective.ends_with('к');
        if self.gender == Gender::Feminine && !plural {
            return match case {
                Case::Nominative => "ая",
                Case::Accusative => "ую",
                _ => "ой",
            };
        }
        match (plural, case) {
            (false, Case::Nominative | Case::Accusative) if velar => "ий",
            (false, Case::Nominative | Case::Accusative) => "ый",
            (false, Case::Genitive) => "ого",
            (false, Case::Dative) => "ому",
            (false, Case::Instrumental) if velar => "им",
            (false, Case::Instrumental) => "ым",
            (false, Case::Prepositional) => "ом",
            (true, Case::Dative) if velar => "им",
            (true, Case::Dative) => "ым",
            (true, Case::Instrumental) if velar => "ими",
            (true, Case::Instrumental) => "ыми",
            (true, _) if velar => "их",
            (true, _) => "ых",
        }
    }
}

/// The power of thousand that `word` abbreviates or names after a number.
pub(super) fn multiplier(word: &str) -> Option<Noun> {
    Some(match word {
        "тыс" => THOUSAND,
        "млн" => Noun::masculine("миллион"),
        "млрд" => Noun::masculine("миллиард"),
        "трлн" => Noun::masculine("триллион"),
        _ => return None,
    })
}

/// The currency of a sign or abbreviation.
pub(super) fn currency(sign: &str) -> Option<Noun> {
    Some(match sign {
        "₽" | "руб" | "RUB" => noun(Gender::Masculine, "рубл", &SOFT),
        "коп" => noun(Gender::Feminine, "копе", &KOPECK),
        "$" | "USD" | "долл" => Noun::masculine("доллар"),
        "€" | "EUR" => noun(Gender::Masculine, "евро", &FIXED),
        "£" | "GBP" => Noun::masculine("фунт"),
        "¥" | "JPY" => feminine("иен"),
        "₴" => noun(
            Gender::Feminine,
            "грив",
            &[
                "на", "ны", "не", "ну", "ной", "не", "ны", "ен", "нам", "ны", "нами", "нах",
            ],
        ),
        "¢" => Noun::masculine("цент"),
        _ => return None,
    })
}

/// The hundredth part of the currency of a sign.
pub(super) fn subunit(sign: &str) -> Option<Noun> {
    Some(match sign {
        "₽" | "руб" => noun(Gender::Feminine, "копе", &KOPECK),
        "$" | "€" => Noun::masculine("цент"),
        _ => return None,
    })
}

/// The unit of measurement that `word` abbreviates after a number.
pub(super) fn unit(word: &str) -> Option<Noun> {
    Some(match word {
        "км" | "km" => Noun::masculine("километр"),
        "м" | "m" => Noun::masculine("метр"),
        "дм" => Noun::masculine("дециметр"),
        "см" | "cm" => Noun::masculine("сантиметр"),
        "мм" | "mm" => Noun::masculine("миллиметр"),
        "мкм" => Noun::masculine("микрометр"),
        "нм" | "nm" => Noun::masculine("нанометр"),
        "кг" | "kg" => Noun::masculine("килограмм"),
        "г" | "гр" => Noun::masculine("грамм"),
        "мг" | "mg" => Noun::masculine("миллиграмм"),
        "т" => feminine("тонн"),
        "ц" => Noun::masculine("центнер"),
        "л" => Noun::masculine("литр"),
        "мл" | "ml" => Noun::masculine("миллилитр"),
        "га" => Noun::masculine("гектар"),
        "ч" => Noun::masculine("час"),
        "мин" | "min" => feminine("минут"),
        "сек" | "с" => feminine("секунд"),
        "мс" | "ms" => feminine("миллисекунд"),
        "Гц" | "Hz" => measure("герц"),
        "кГц" | "kHz" => measure("килогерц"),
        "МГц" | "MHz" => measure("мегагерц"),
        "ГГц" | "GHz" => measure("гигагерц"),
        "Вт" | "W" => measure("ватт"),
        "кВт" | "kW" => measure("киловатт"),
        "МВт" => measure("мегаватт"),
        "В" | "V" => measure("вольт"),
        "кВ" => measure("киловольт"),
        "А" => measure("ампер"),
        "мА" => measure("миллиампер"),
        "Ом" => measure("ом"),
        "дБ" | "dB" => measure("децибел"),
        "Б" => measure("байт"),
        "КБ" | "Кб" | "кБ" | "KB" | "kB" => measure("килобайт"),
        "МБ" | "Мб" | "MB" => measure("мегабайт"),
        "ГБ" | "Гб" | "GB" => measure("гигабайт"),
        "ТБ" | "Тб" | "TB" => measure("терабайт"),
        "бит" => measure("бит"),
        "Кбит" | "кбит" => measure("килобит"),
        "Мбит" => measure("мегабит"),
        "Гбит" => measure("гигабит"),
        "Дж" => Noun::masculine("джоул").soft(),
        "кДж" => Noun::masculine("килоджоул").soft(),
        "ккал" => noun(
            Gender::Feminine,
            "килокалори",
            &[
                "я", "и", "и", "ю", "ей", "и", "и", "й", "ям", "и", "ями", "ях",
            ],
        ),
        "атм" => feminine("атмосфер"),
        "чел" => measure("человек"),
        "шт" => noun(Gender::Feminine, "штук", &VELAR),
        "экз" => Noun::masculine("экземпляр"),
        _ => return None,
    })
}

/// Whether a full stop after the abbreviation belongs to it.
pub(super) fn takes_stop(word: &str) -> bool {
    matches!(
        word,
        "тыс"
            | "млн"
            | "млрд"
            | "трлн"
            | "руб"
            | "коп"
            | "долл"
            | "мин"
            | "сек"
            | "чел"
            | "шт"
            | "экз"
            | "ч"
            | "гр"
            | "г"
            | "м"
            | "л"
            | "т"
            | "км"
            | "кг"
            | "с"
    )
}

/// What a unit is divided by: *километров в час*.
pub(super) fn per(word: &str) -> Option<&'static str> {
    Some(match word {
        "ч" | "час" | "h" => "в час",
        "с" | "сек" | "s" => "в секунду",
        "мин" => "в минуту",
        "сут" => "в сутки",
        "м" => "на метр",
        "км" => "на километр",
        "кг" => "на килограмм",
        "л" => "на литр",
        _ => return None,
    })
}

impl Noun {
    const fn soft(self) -> Self {
        Self {
            endings: &[
                "ь", "я", "ю", "ь", "ем", "е", "и", "ей", "ям", "и", "ями", "ях",
            ],
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nouns_agree_with_their_count() {
        let rouble = currency("руб").unwrap();
        let square = unit("м").unwrap().with_adjective("квадратн");
        for (noun, count, case, expected) in [
            (rouble, 21, Case::Nominative, "рубль"),
            (rouble, 3, Case::Nominative, "рубля"),
            (rouble, 12, Case::Nominative, "рублей"),
            (rouble, 5, Case::Dative, "рублям"),
            (rouble, 1, Case::Instrumental, "рублём"),
            (currency("коп").unwrap(), 5, Case::Nominative, "копеек"),
            (square, 1, Case::Nominative, "квадратный метр"),
            (square, 2, Case::Nominative, "квадратных метра"),
            (square, 5, Case::Genitive, "квадратных метров"),
            (
                unit("км").unwrap().with_tail("в час"),
                60,
                Case::Nominative,
                "километров в час",
            ),
        ] {
            assert_eq!(noun.counted(count, case), expected);
        }
        assert_eq!(square.after_fraction(), "квадратного метра");
    }
}
