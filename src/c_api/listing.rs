//! Results of any number: rows that C reads where they are, and what they point to.

use std::any::Any;
use std::ffi::{CString, c_char};

use super::boundary::c_string;

/// Rows in their order, with their strings and arrays.
#[derive(Debug)]
pub(super) struct Listing<T> {
    rows: Vec<T>,
    strings: Vec<CString>,
    arrays: Vec<Box<dyn Any>>,
}

impl<T> Listing<T> {
    pub(super) fn new() -> Self {
        Self {
            rows: Vec::new(),
            strings: Vec::new(),
            arrays: Vec::new(),
        }
    }

    pub(super) fn add(&mut self, row: T) {
        self.rows.push(row);
    }

    /// A string for a row to point to, as long as the listing is there.
    pub(super) fn string(&mut self, text: String) -> *const c_char {
        // Its bytes stay where they are when the list of strings grows or moves.
        let place = self.strings.len();
        self.strings.push(c_string(text));
        self.strings[place].as_ptr()
    }

    /// An array for a row to point to, as long as the listing is there.
    pub(super) fn array<E: 'static>(&mut self, elements: Vec<E>) -> *const E {
        let start = elements.as_ptr(); // which stays where it is when the vector moves
        self.arrays.push(Box::new(elements));
        start
    }

    pub(super) fn rows(&self) -> &[T] {
        &self.rows
    }
}
