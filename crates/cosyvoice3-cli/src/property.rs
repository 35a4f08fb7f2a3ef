//! Properties of `cosyvoice3src` from the command line.

use std::ops::RangeInclusive;

use anyhow::{Context, Result, anyhow, bail};
use gst::{glib, prelude::*};

/// Properties that follow from other options.
const TAKEN: [(&str, &str); 3] = [
    ("text", "the text is the argument TEXT"),
    ("is-live", "it follows from the output"),
    ("text-timing", "subtitles are spoken at their times"),
];

/// Sets `NAME=VALUE`, as `--set` takes it.
///
/// # Errors
/// There is no such property, it cannot be set, or the value does not fit; the message names the values that do.
pub fn set_pair(element: &gst::Element, pair: &str) -> Result<()> {
    let (name, value) = pair
        .split_once('=')
        .with_context(|| format!("--set {pair}: expected NAME=VALUE"))?;
    if let Some((_, why)) = TAKEN.iter().find(|(taken, _)| *taken == name) {
        bail!("--set {pair}: {why}");
    }
    set(element, name, value).with_context(|| format!("--set {pair}"))
}

/// Sets the property `name` to a value in GStreamer's notation; a string is taken as it is.
pub fn set(element: &gst::Element, name: &str, value: &str) -> Result<()> {
    let property = element
        .find_property(name)
        .filter(|property| property.owner_type() == element.type_())
        .ok_or_else(|| unknown(element, name))?;
    if !property.flags().contains(glib::ParamFlags::WRITABLE) {
        bail!("the property \"{name}\" can only be read");
    }
    let value = match property.value_type() {
        glib::Type::STRING => value.to_value(),
        _ => glib::Value::deserialize_with_pspec(value, &property)
            .ok()
            .filter(|value| is_in_range(&property, value))
            .ok_or_else(|| {
                let values = values(&property);
                anyhow!("the property \"{name}\" cannot be {value}: expected {values}")
            })?,
    };
    element.set_property_from_value(name, &value);
    Ok(())
}

fn unknown(element: &gst::Element, name: &str) -> anyhow::Error {
    let of_the_element = |property: &glib::ParamSpec| {
        property.owner_type() == element.type_()
            && property.flags().contains(glib::ParamFlags::WRITABLE)
            && TAKEN.iter().all(|(taken, _)| *taken != property.name())
    };
    let properties = element.list_properties();
    let mut names: Vec<&str> = properties
        .iter()
        .filter(|property| of_the_element(property))
        .map(glib::ParamSpec::name)
        .collect();
    names.sort_unstable();
    anyhow!(
        "there is no property \"{name}\"; the properties are {}",
        names.join(", ")
    )
}

/// The numeric kinds that the element has: the range of `$property` as `$range` in `$found`, if it is of one.
macro_rules! with_range {
    ($property:expr, $range:ident => $found:expr) => {
        with_range!(@kinds $property, $range => $found,
            glib::ParamSpecDouble, glib::ParamSpecUInt, glib::ParamSpecInt64, glib::ParamSpecUInt64)
    };
    (@kinds $property:expr, $range:ident => $found:expr, $($kind:ty),*) => {$(
        if let Some(number) = $property.downcast_ref::<$kind>() {
            let $range = number.minimum()..=number.maximum();
            return $found;
        }
    )*};
}

/// Returns true if a value lies in the range of a numeric property; others have none.
fn is_in_range(property: &glib::ParamSpec, value: &glib::Value) -> bool {
    with_range!(property, range => lies_in(value, &range));
    true
}

fn lies_in<'v, T: glib::value::FromValue<'v> + PartialOrd>(
    value: &'v glib::Value,
    range: &RangeInclusive<T>,
) -> bool {
    value.get::<T>().is_ok_and(|number| range.contains(&number))
}

/// The values that a property takes, in words.
fn values(property: &glib::ParamSpec) -> String {
    with_range!(property, range => format!("a number from {} to {}", range.start(), range.end()));
    if let Some(class) = glib::EnumClass::with_type(property.value_type()) {
        let nicks: Vec<&str> = class.values().iter().map(glib::EnumValue::nick).collect();
        return nicks.join(", ");
    }
    match property.value_type() {
        glib::Type::BOOL => "true or false".into(),
        other => other.name().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element() -> gst::Element {
        crate::say::init().unwrap();
        crate::elements::make("cosyvoice3src").unwrap()
    }

    #[test]
    fn properties_are_set_in_gstreamers_notation_and_strings_as_they_are() {
        let element = element();
        for pair in [
            "speed=1.2",
            "seed=7",
            "overflow=clip",
            "buffer-duration=20000000",
            "threads=2",
            "voice=a \"quoted\\ name! x=y",
        ] {
            set_pair(&element, pair).unwrap();
        }
        assert_eq!(element.property::<f64>("speed"), 1.2);
        assert_eq!(element.property::<i64>("seed"), 7);
        assert_eq!(element.property::<u32>("threads"), 2);
        assert_eq!(element.property::<u64>("buffer-duration"), 20_000_000);
        assert_eq!(
            element.property::<Option<String>>("voice").as_deref(),
            Some("a \"quoted\\ name! x=y")
        );
    }

    #[test]
    fn a_property_that_cannot_be_set_so_is_named_with_what_it_takes() {
        let element = element();
        for (pair, parts) in [
            ("speed=9", vec!["speed", "from 0.5 to 2"]),
            ("speed=fast", vec!["speed", "fast", "from 0.5 to 2"]),
            ("overflow=cut", vec!["overflow", "shift, clip"]),
            ("is-lively=1", vec!["is-lively", "speed", "voice"]),
            ("voices=a", vec!["voices", "read"]),
            ("stats=x", vec!["stats", "read"]),
            ("name=x", vec!["no property"]),
            ("text=Hello", vec!["TEXT"]),
            ("speed", vec!["NAME=VALUE"]),
        ] {
            let words = format!("{:#}", set_pair(&element, pair).unwrap_err());
            for part in parts {
                assert!(words.contains(part), "{pair}: {words}");
            }
        }
    }
}
