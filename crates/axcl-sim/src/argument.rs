//! Arguments as C passes them. All that this crate reads or writes through pointers of a caller happens here.
//!
//! Each type is a transparent pointer in the signature of an exported function, so that values of it only come from
//! a C caller, who promises what the function's description asks: NULL, or memory that is valid for the call.

use std::{
    ffi::{CStr, OsStr, c_char, c_void},
    os::unix::ffi::OsStrExt,
    path::PathBuf,
};

use crate::code::{Area, Result};

/// Place for a function's result.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Out<T>(*mut T);

impl<T> Out<T> {
    /// Fails when the pointer is NULL.
    pub fn required(self, area: Area) -> Result<Self> {
        if self.0.is_null() {
            return Err(area.null_argument());
        }
        Ok(self)
    }

    /// Writes the result; does nothing if the pointer is NULL.
    pub fn set(self, value: T) {
        if !self.0.is_null() {
            // SAFETY: the caller passed a pointer to memory for one T.
            unsafe { self.0.write(value) }
        }
    }

    /// Changes the value behind the pointer in place.
    pub fn update(self, change: impl FnOnce(&mut T)) {
        // SAFETY: the caller passed NULL or a pointer to an initialised T that is not used elsewhere during the call.
        if let Some(value) = unsafe { self.0.as_mut() } {
            change(value);
        }
    }
}

/// A string.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Text(*const c_char);

impl Text {
    /// The string; fails when the pointer is NULL.
    pub fn required(self, area: Area) -> Result<String> {
        Ok(String::from_utf8_lossy(&self.bytes(area)?).into_owned())
    }

    /// The string as a path; fails when the pointer is NULL.
    pub fn path(self, area: Area) -> Result<PathBuf> {
        Ok(OsStr::from_bytes(&self.bytes(area)?).into())
    }

    fn bytes(self, area: Area) -> Result<Vec<u8>> {
        if self.0.is_null() {
            return Err(area.null_argument());
        }
        // SAFETY: the caller passed a string that ends with a zero byte.
        Ok(unsafe { CStr::from_ptr(self.0) }.to_bytes().to_vec())
    }
}

/// A pointer into host or device memory, or a handle: a number until its kind is known.
#[repr(transparent)]
#[derive(Clone, Copy)]
pub struct Address(*const c_void);

impl Address {
    /// The address as a number; fails when it is NULL.
    pub fn required(self, area: Area) -> Result<u64> {
        match self.0 as u64 {
            0 => Err(area.null_argument()),
            address => Ok(address),
        }
    }

    /// The address as a number, 0 for NULL.
    pub fn number(self) -> u64 {
        self.0 as u64
    }
}

/// A copy of `size` bytes of host memory at `address`.
pub fn read_host(address: u64, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    // SAFETY: the caller of the copy function promises `size` readable bytes at an address that is not a device's.
    unsafe { std::ptr::copy_nonoverlapping(address as *const u8, bytes.as_mut_ptr(), size) };
    bytes
}

/// Writes `bytes` to host memory at `address`.
pub fn write_host(address: u64, bytes: &[u8]) {
    // SAFETY: the caller of the copy function promises enough writable bytes at an address that is not a device's.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), address as *mut u8, bytes.len()) };
}
