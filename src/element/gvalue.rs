//! Reading strings that C programs put into properties.

use std::ffi::CStr;

use gst::glib::{self, translate::ToGlibPtr};

/// The string of `value`, and whether invalid UTF-8 had to be replaced; `None` for NULL.
///
/// `g_object_set` does not check what it is given, and glib-rs takes every string for valid.
pub(super) fn string_lossy(value: &glib::Value) -> Option<(String, bool)> {
    if !value.type_().is_a(glib::Type::STRING) {
        return None;
    }
    // SAFETY: the value holds a string (checked above), so the call returns NULL or a NUL-terminated string that the
    // value owns; it is read before the borrow of `value` ends.
    let bytes = unsafe {
        let string = glib::gobject_ffi::g_value_get_string(value.to_glib_none().0);
        if string.is_null() {
            return None;
        }
        CStr::from_ptr(string)
    };
    let text = bytes.to_string_lossy();
    let replaced = matches!(text, std::borrow::Cow::Owned(_));
    Some((text.into_owned(), replaced))
}

/// The string in a field of `structure` that is there and not empty; bytes that are not UTF-8 are replaced.
pub(super) fn field(structure: &gst::StructureRef, name: &str) -> Option<String> {
    let (text, _) = string_lossy(structure.value(name).ok()?)?;
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use gst::glib::{prelude::*, translate::ToGlibPtrMut};

    fn raw(bytes: &'static CStr) -> glib::Value {
        let mut value = glib::Value::from_type(glib::Type::STRING);
        // SAFETY: a string value is set to a NUL-terminated static string, which is what the call expects.
        unsafe {
            glib::gobject_ffi::g_value_set_static_string(
                value.to_glib_none_mut().0,
                bytes.as_ptr(),
            );
        }
        value
    }

    #[test]
    fn invalid_bytes_are_replaced_and_told() {
        assert_eq!(
            string_lossy(&raw(c"ab\xffc")),
            Some(("ab\u{fffd}c".into(), true))
        );
        assert_eq!(
            string_lossy(&raw(c"Привет")),
            Some(("Привет".into(), false))
        );
    }

    #[test]
    fn null_is_none() {
        assert_eq!(string_lossy(&None::<String>.to_value()), None);
    }
}
