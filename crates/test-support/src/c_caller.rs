//! Calls that a C program can make and Rust's types forbid.
use std::ffi::{CStr, CString};

use gst::glib::{
    self,
    prelude::*,
    translate::{ToGlibPtr, ToGlibPtrMut},
};

/// `g_object_set_property`: GLib alone judges the value.
pub fn set_property(element: &gst::Element, name: &str, value: &glib::Value) {
    let name = CString::new(name).expect("a name without NUL");
    let object = element.upcast_ref::<glib::Object>();
    // SAFETY: object, name and value live through the call, which copies what it keeps.
    unsafe {
        glib::gobject_ffi::g_object_set_property(
            object.to_glib_none().0,
            name.as_ptr(),
            value.to_glib_none().0,
        );
    }
}

/// A string value of any bytes.
pub fn string(bytes: &'static CStr) -> glib::Value {
    let mut value = glib::Value::from_type(glib::Type::STRING);
    // SAFETY: a string value takes a NUL-terminated string that is never freed.
    unsafe {
        glib::gobject_ffi::g_value_set_static_string(value.to_glib_none_mut().0, bytes.as_ptr());
    }
    value
}
