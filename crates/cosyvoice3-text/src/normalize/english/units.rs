//! Units of measure, in English.

use super::English;
use crate::normalize::reader::Reader;

/// Symbols, apart by `|`, with their singular and plural.
const UNITS: &[(&str, &str, &str)] = &[
    ("km|KM|Km", "kilometer", "kilometers"),
    ("m", "meter", "meters"),
    ("cm|CM", "centimeter", "centimeters"),
    ("mm", "millimeter", "millimeters"),
    ("nm", "nanometer", "nanometers"),
    ("µm|μm|um", "micrometer", "micrometers"),
    ("mi", "mile", "miles"),
    ("ft|FT", "foot", "feet"),
    ("yd|yds", "yard", "yards"),
    ("kg|KG|Kg|kgs", "kilogram", "kilograms"),
    ("g", "gram", "grams"),
    ("mg", "milligram", "milligrams"),
    ("µg|μg|mcg", "microgram", "micrograms"),
    ("lb|LB", "pound", "pounds"),
    ("lbs|LBS", "pound", "pounds"),
    ("oz|OZ", "ounce", "ounces"),
    ("t", "ton", "tons"),
    ("l|L", "liter", "liters"),
    ("ml|mL|ML", "milliliter", "milliliters"),
    ("gal", "gallon", "gallons"),
    ("dL|dl", "deciliter", "deciliters"),
    ("mmol", "millimole", "millimoles"),
    ("ha", "hectare", "hectares"),
    ("µs|μs", "microsecond", "microseconds"),
    ("µV|μV", "microvolt", "microvolts"),
    ("µA|μA", "microampere", "microamperes"),
    ("µF|μF", "microfarad", "microfarads"),
    ("ns", "nanosecond", "nanoseconds"),
    ("ms", "millisecond", "milliseconds"),
    ("s|sec|secs", "second", "seconds"),
    ("min|mins|MIN", "minute", "minutes"),
    ("h|hr|hrs|Hrs|HRS", "hour", "hours"),
    ("wk|wks", "week", "weeks"),
    ("mo|mos", "month", "months"),
    ("yr|yrs", "year", "years"),
    ("Hz|HZ|hz", "hertz", "hertz"),
    ("kHz|KHz|khz|KHZ", "kilohertz", "kilohertz"),
    ("MHz|MHZ|mhz", "megahertz", "megahertz"),
    ("GHz|GHZ|ghz", "gigahertz", "gigahertz"),
    ("W", "watt", "watts"),
    ("mW", "milliwatt", "milliwatts"),
    ("kW|KW", "kilowatt", "kilowatts"),
    ("MW", "megawatt", "megawatts"),
    ("GW", "gigawatt", "gigawatts"),
    ("Wh", "watt hour", "watt hours"),
    ("kWh|KWh|kwh", "kilowatt hour", "kilowatt hours"),
    ("MWh", "megawatt hour", "megawatt hours"),
    ("V", "volt", "volts"),
    ("mV", "millivolt", "millivolts"),
    ("kV", "kilovolt", "kilovolts"),
    ("A", "ampere", "amperes"),
    ("mA", "milliampere", "milliamperes"),
    ("mAh", "milliampere hour", "milliampere hours"),
    ("Ω", "ohm", "ohms"),
    ("kΩ", "kilohm", "kilohms"),
    ("N", "newton", "newtons"),
    ("kN", "kilonewton", "kilonewtons"),
    ("J", "joule", "joules"),
    ("kJ", "kilojoule", "kilojoules"),
    ("cal", "calorie", "calories"),
    ("kcal", "kilocalorie", "kilocalories"),
    ("Pa", "pascal", "pascals"),
    ("hPa", "hectopascal", "hectopascals"),
    ("kPa", "kilopascal", "kilopascals"),
    ("MPa", "megapascal", "megapascals"),
    ("mmHg", "millimeter of mercury", "millimeters of mercury"),
    ("inHg", "inch of mercury", "inches of mercury"),
    ("mbar", "millibar", "millibars"),
    ("kt|kts", "knot", "knots"),
    ("kbit|Kbit", "kilobit", "kilobits"),
    ("Mbit", "megabit", "megabits"),
    ("Gbit", "gigabit", "gigabits"),
    ("IU", "international unit", "international units"),
    ("BTU|Btu", "B T U", "B T U"),
    ("psi", "pound per square inch", "pounds per square inch"),
    ("hp|HP", "horsepower", "horsepower"),
    ("dB|db", "decibel", "decibels"),
    ("lm", "lumen", "lumens"),
    ("ppm", "part per million", "parts per million"),
    ("rpm|RPM", "revolution per minute", "revolutions per minute"),
    ("fps", "frame per second", "frames per second"),
    ("dpi", "dot per inch", "dots per inch"),
    ("bpm|BPM", "beat per minute", "beats per minute"),
    ("mph|MPH|Mph", "mile per hour", "miles per hour"),
    ("kph|KPH|kmh", "kilometer per hour", "kilometers per hour"),
    ("mpg|MPG", "mile per gallon", "miles per gallon"),
    ("bps", "bit per second", "bits per second"),
    (
        "kbps|Kbps|KBPS",
        "kilobit per second",
        "kilobits per second",
    ),
    (
        "mbps|Mbps|MBPS",
        "megabit per second",
        "megabits per second",
    ),
    (
        "gbps|Gbps|GBPS",
        "gigabit per second",
        "gigabits per second",
    ),
    ("KB|kB", "kilobyte", "kilobytes"),
    ("MB", "megabyte", "megabytes"),
    ("GB", "gigabyte", "gigabytes"),
    ("TB", "terabyte", "terabytes"),
    ("MP", "megapixel", "megapixels"),
    ("px", "pixel", "pixels"),
    ("pcs", "piece", "pieces"),
    ("tsp", "teaspoon", "teaspoons"),
    ("tbsp", "tablespoon", "tablespoons"),
    ("qt|qts", "quart", "quarts"),
    ("cc", "C C", "C C"),
    ("ppl", "person", "people"),
    ("pax", "passenger", "passengers"),
];

/// Things that are counted *per*, beside the units.
const PER: &[(&str, &str)] = &[
    ("day", "day"),
    ("d", "day"),
    ("hour", "hour"),
    ("minute", "minute"),
    ("second", "second"),
    ("week", "week"),
    ("month", "month"),
    ("year", "year"),
    ("night", "night"),
    ("person", "person"),
    ("pp", "person"),
    ("ea", "each"),
    ("mile", "mile"),
    ("pc", "piece"),
    ("sqft", "square foot"),
];

/// Words beside a number with one letter that show it to be a measure: `a 5V adapter`, `a current of 2A`.
const MEASURED: [&str; 41] = [
    "fuses",
    "circuit",
    "circuits",
    "adapters",
    "max",
    "battery",
    "batteries",
    "power",
    "supply",
    "adapter",
    "adaptor",
    "charger",
    "charging",
    "bulb",
    "bulbs",
    "lamp",
    "lamps",
    "led",
    "fuse",
    "motor",
    "heater",
    "output",
    "input",
    "current",
    "voltage",
    "dc",
    "ac",
    "outlet",
    "socket",
    "speaker",
    "speakers",
    "solar",
    "panel",
    "system",
    "relay",
    "breaker",
    "line",
    "uses",
    "draws",
    "needs",
    "rated",
];

/// Things before which a measure has no plural: `12KG bag`, `15 min delay`.
const THINGS: [&str; 35] = [
    "rug",
    "rugs",
    "bag",
    "bottle",
    "box",
    "pack",
    "can",
    "jar",
    "sack",
    "bulb",
    "delay",
    "wait",
    "walk",
    "drive",
    "ride",
    "break",
    "limit",
    "zone",
    "screen",
    "cable",
    "rope",
    "pipe",
    "gap",
    "radius",
    "dose",
    "tank",
    "tablet",
    "steak",
    "dash",
    "race",
    "sprint",
    "hurdles",
    "relay",
    "freestyle",
    "pool",
];

/// A unit: singular and plural.
#[derive(Clone, Copy)]
pub(super) struct Unit {
    pub one: &'static str,
    pub many: &'static str,
}

/// The unit that `symbol` stands for.
pub(super) fn unit(symbol: &str) -> Option<Unit> {
    if symbol.is_empty() || symbol.len() > 4 {
        return None;
    }
    let (_, one, many) = UNITS
        .iter()
        .find(|(symbols, ..)| symbols.split('|').any(|known| known == symbol))?;
    Some(Unit { one, many })
}

/// True if `thing` has an electric rating: `adapter`.
pub(super) fn is_measured(thing: &str) -> bool {
    MEASURED.contains(&thing)
}

/// The thing that a price or speed is per: *hour* for `h`.
pub(super) fn per(word: &str) -> Option<&'static str> {
    PER.iter()
        .find(|(short, _)| *short == word)
        .map(|(_, noun)| *noun)
        .or_else(|| unit(word).map(|unit| unit.one))
}

impl Reader<'_, English> {
    /// The unit in words that the number from `first` to before `end` counts, and the index after it.
    pub(super) fn unit_after(
        &self,
        first: usize,
        end: usize,
        one: bool,
    ) -> Option<(String, usize)> {
        let at = self.tokens.skip_space(end);
        if let Some(found) = self.sign_unit(at, one) {
            return Some(found);
        }
        let symbol = self.tokens.text(at);
        let is_name = symbol.len() == 1
            && (self.is_named_by_noun(first)
                || self.is_house_number(first)
                || self.is_number_of_road(first));
        if is_name
            || at == end && symbol.len() == 1 && self.is_in_code(first, at)
            || at == end && symbol.len() == 1 && !self.measures(first, at)
        {
            return None;
        }
        if matches!(symbol, "sq" | "cu" | "fl") {
            return self.worded_power(at, one);
        }
        if let Some(found) = self.inches_in_letters(at, one) {
            return Some(found);
        }
        if let Some((unit, end)) = self.mixed_symbol(at) {
            return Some(((if one { unit.one } else { unit.many }).to_owned(), end));
        }
        if symbol == "m" && self.follows_hours(first) {
            let noun = if one { "minute" } else { "minutes" };
            return Some((noun.to_owned(), at + 1));
        }
        // `60 m.p.h.`
        let letters = [at, at + 2, at + 4].map(|at| self.tokens.text(at));
        if matches!(letters, ["m", "p", "h"]) && self.tokens.text(at + 3) == "." {
            let stop = self.tokens.text(at + 5) == "." && !self.tokens.ends_sentence(at + 5);
            let noun = if one {
                "mile per hour"
            } else {
                "miles per hour"
            };
            return Some((noun.to_owned(), at + 5 + usize::from(stop)));
        }
        let unit = unit(symbol)?;
        // `5 N Main Street`, `12 A.D.`
        let is_letter =
            symbol.len() == 1 && self.tokens.text(at + 1) == "." && self.tokens.is_word(at + 2);
        if is_letter || symbol == "N" && self.tokens.is_word(self.tokens.skip_space(at + 1)) {
            return None;
        }
        let after = self.tokens.text(self.tokens.skip_space(at + 1));
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let thing = self.tokens.text(self.tokens.skip_space(at + 1 + stop));
        let attributive = (at == end || symbol.len() == 1)
            && after != "max"
            && MEASURED.contains(&after.to_lowercase().as_str())
            || THINGS.contains(&thing)
            || self.is_attributive(first, at + 1 + usize::from(self.tokens.text(at + 1) == "."));
        let noun = if one || attributive {
            unit.one
        } else {
            unit.many
        };
        if let Some(found) = self.feet_and_inches_in_words(at, symbol, noun) {
            return Some(found);
        }
        let (power, after) = self.power_of(at, symbol);
        let mut words = format!("{power}{noun}");
        let mut end = after;
        if self.tokens.text(after) == "/"
            && let Some(per) = per(self.tokens.text(after + 1))
        {
            let (power, after) = self.power_of(after + 1, "m");
            words.push_str(&match power {
                "square " if per == "second" => " per second squared".to_owned(),
                _ => format!(" per {power}{per}"),
            });
            end = after;
        }
        Some((words, self.past_stop(end, symbol)))
    }

    /// `6 ft 2 in`: the feet's `noun` and the inches behind the symbol at `at`.
    fn feet_and_inches_in_words(
        &self,
        at: usize,
        symbol: &str,
        noun: &str,
    ) -> Option<(String, usize)> {
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let number = self.tokens.skip_space(at + 1 + stop);
        let inches = self.tokens.number(number)?.parse::<u64>().ok()?;
        let next = self.tokens.skip_space(number + 1);
        if symbol != "ft" || self.tokens.text(next) != "in" || inches > 11 {
            return None;
        }
        let inch = if inches == 1 { "inch" } else { "inches" };
        let words = format!("{noun} {} {inch}", super::cardinal(inches));
        Some((words, self.past_stop(next + 1, "in")))
    }

    /// True if hours stand before the number at `first`: `1h 5m`.
    fn follows_hours(&self, first: usize) -> bool {
        let space = first > 0 && self.tokens.text(first - 1) == " ";
        let hours = first.checked_sub(1 + usize::from(space));
        hours.is_some_and(|hours| {
            matches!(self.tokens.text(hours), "h" | "hr")
                && hours > 0
                && self.tokens.number(hours - 1).is_some()
        })
    }

    /// True if the number at `first` and its unit before `end` say more about one thing: `a 20 min walk`.
    pub(super) fn is_attributive(&self, first: usize, end: usize) -> bool {
        const GO_ON: [&str; 22] = [
            "or", "and", "to", "for", "in", "at", "per", "a", "an", "each", "of", "from", "by",
            "on", "if", "is", "was", "as", "but", "than", "the", "with",
        ];
        let noun = self.tokens.text(self.tokens.skip_space(end));
        matches!(self.tokens.word_before(first).as_str(), "a" | "an")
            && noun.len() > 1
            && noun.starts_with(|c: char| c.is_ascii_lowercase())
            && !GO_ON.contains(&noun)
    }

    /// `1.5 in. of rain`, `2 in wide`: inches, not the word.
    fn inches_in_letters(&self, at: usize, one: bool) -> Option<(String, usize)> {
        let after = self.tokens.text(self.tokens.skip_space(at + 1));
        let is_measure = matches!(
            after,
            "wide" | "tall" | "long" | "deep" | "high" | "thick" | "x" | "by"
        );
        let decimal =
            at >= 4 && self.tokens.number(at - 2).is_some() && self.tokens.text(at - 3) == ".";
        let is_short = after == "." && !self.tokens.ends_sentence(at + 1);
        // `Rain: .25 in.` ends its sentence with the unit.
        // So does `6 in.` alone.
        let stop = usize::from(self.tokens.text(at + 1) == ".");
        let is_last = self
            .tokens
            .text(self.tokens.skip_space(at + 1 + stop))
            .is_empty();
        let is_measure = is_measure || decimal && after == "." || is_last;
        if self.tokens.text(at) != "in" || !is_measure && !is_short {
            return None;
        }
        let noun = if one { "inch" } else { "inches" };
        Some((noun.to_owned(), at + 1 + usize::from(is_short)))
    }

    /// True if the letter at `at` right behind the number at `first` is one of a code: `t-0t25d12`, not `2h30m` or `5m2`.
    fn is_in_code(&self, first: usize, at: usize) -> bool {
        let more = self.tokens.number(at + 1);
        let is_power = matches!(more, Some("2" | "3")) && !self.tokens.is_word(at + 2);
        let is_duration = match self.tokens.text(at) {
            "h" | "d" => true,
            "m" => self.tokens.text(at + 2) == "s",
            _ => false,
        };
        let behind_letter = first >= 2
            && self.tokens.text(first - 1) == "-"
            && self.tokens.is_word(first - 2)
            && self.tokens.text(first - 2).len() == 1;
        behind_letter || more.is_some() && !is_power && !is_duration
    }

    /// Signs that stand for units, and codes of currencies.
    fn sign_unit(&self, at: usize, one: bool) -> Option<(String, usize)> {
        let after = self.tokens.skip_space(at + 1);
        let degrees = if one { "degree" } else { "degrees" };
        Some(match self.tokens.text(at) {
            "%" => ("percent".to_owned(), at + 1),
            "‰" => ("per mille".to_owned(), at + 1),
            "°" => match self.tokens.text(after) {
                "C" => (format!("{degrees} Celsius"), after + 1),
                "F" => (format!("{degrees} Fahrenheit"), after + 1),
                "angle" | "turn" | "rotation" | "view" | "slope" => ("degree".to_owned(), at + 1),
                _ => (degrees.to_owned(), at + 1),
            },
            // `4x daily`
            "x" if self.is_frequency(after) => {
                (if one { "time" } else { "times" }.to_owned(), at + 1)
            }
            "×" | "x" if self.tokens.number(after).is_some() => {
                let product = self.tokens.text(self.tokens.skip_space(after + 1)) == "=";
                (if product { "times" } else { "by" }.to_owned(), at + 1)
            }
            _ => return None,
        })
    }

    /// `4x daily`, `2x a week`: words of how often at `at`.
    fn is_frequency(&self, at: usize) -> bool {
        let next = self.tokens.text(self.tokens.skip_space(at + 1));
        match self.tokens.text(at) {
            "daily" | "weekly" | "monthly" | "yearly" => true,
            "a" | "per" | "each" | "every" => {
                matches!(next, "day" | "week" | "month" | "year" | "hour")
            }
            _ => false,
        }
    }

    /// *square* or *cubic* for `m²` and `m2`, and the index after it.
    fn power_of(&self, at: usize, symbol: &str) -> (&'static str, usize) {
        let is_length = matches!(symbol, "m" | "km" | "cm" | "mm" | "ft" | "mi" | "yd");
        match self.tokens.text(at + 1) {
            "²" => ("square ", at + 2),
            "³" => ("cubic ", at + 2),
            "2" if is_length => ("square ", at + 2),
            "3" if is_length => ("cubic ", at + 2),
            _ => ("", at + 1),
        }
    }

    /// `µg`, `kΩ`: symbols of two scripts, which are two words.
    fn mixed_symbol(&self, at: usize) -> Option<(Unit, usize)> {
        let (first, second) = (self.tokens.text(at), self.tokens.text(at + 1));
        let mixed = matches!(first, "µ" | "μ") || second == "Ω";
        let found =
            unit(&format!("{first}{second}")).filter(|_| mixed && self.tokens.is_word(at + 1))?;
        Some((found, at + 2))
    }

    /// `120 sq. ft`, `12 fl. oz`.
    fn worded_power(&self, at: usize, one: bool) -> Option<(String, usize)> {
        let power = match self.tokens.text(at) {
            "sq" => "square",
            "cu" => "cubic",
            _ => "fluid",
        };
        let stop = at + 1 + usize::from(self.tokens.text(at + 1) == ".");
        let noun_at = self.tokens.skip_space(stop);
        let symbol = self.tokens.text(noun_at);
        let unit = unit(symbol)?;
        let noun = if one { unit.one } else { unit.many };
        Some((
            format!("{power} {noun}"),
            self.past_stop(noun_at + 1, symbol),
        ))
    }

    /// The index after the full stop of an abbreviated unit (`5 lb. of flour`), which is no full stop.
    fn past_stop(&self, end: usize, symbol: &str) -> usize {
        let is_abbreviation = matches!(
            symbol,
            "ft" | "lb"
                | "lbs"
                | "oz"
                | "mi"
                | "min"
                | "mins"
                | "sec"
                | "hr"
                | "hrs"
                | "gal"
                | "yd"
                | "yr"
                | "yrs"
                | "in"
                | "tsp"
                | "tbsp"
                | "qt"
        );
        // `12 mi. NE of Ridgecrest`
        let follows = self.tokens.skip_space(end + 1);
        let direction = symbol == "mi"
            && self.tokens.text(follows).len() <= 2
            && self.tokens.text(self.tokens.skip_space(follows + 1)) == "of";
        let goes_on = !self.tokens.ends_sentence(end) || direction;
        end + usize::from(is_abbreviation && self.tokens.text(end) == "." && goes_on)
    }

    /// True if one letter at `at` right after a number is a unit and no name: `2.5V` and `a 60W bulb`, not `Gate 3A`.
    fn measures(&self, first: usize, at: usize) -> bool {
        let letter = self.tokens.text(at);
        if !matches!(letter, "A" | "V" | "W" | "J" | "N") {
            return true;
        }
        let has_fraction = at >= 2 && self.tokens.text(at - 2) == "." && first + 1 < at;
        let after = self
            .tokens
            .text(self.tokens.skip_space(at + 1))
            .to_lowercase();
        let before = self.tokens.word_before(first);
        // `Fuse: 5A`
        let before_colon = match first.checked_sub(2) {
            Some(colon) if self.tokens.text(colon) == ":" => self.tokens.word_before(colon),
            _ => String::new(),
        };
        // No row of seats and no gate has such a number.
        let is_mains =
            matches!(letter, "V" | "W") && self.tokens.number(first).is_some_and(|v| v.len() >= 3);
        has_fraction
            || is_mains
            || self.is_rating(first, at)
            || MEASURED.contains(&before_colon.as_str())
            || MEASURED.contains(&after.as_str())
            || MEASURED.contains(&before.as_str())
            || self.tokens.text(at + 1) == "/" && per(self.tokens.text(at + 2)).is_some()
    }
}
