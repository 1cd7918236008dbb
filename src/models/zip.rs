//! Where the entries of a zip archive lie: those of PyTorch's files are stored as they are, and used in place.
//!
//! Not by a crate: `zip` sets aside some 300 bytes for each entry that a file claims to have, before it has read one.

use std::collections::BTreeMap;
use std::ops::Range;

/// The signatures of an archive's parts.
const ENTRY: &[u8] = b"PK\x03\x04";
const LISTED: &[u8] = b"PK\x01\x02";
const END: &[u8] = b"PK\x05\x06";
const END_64: &[u8] = b"PK\x06\x06";
const WHERE_END_64_IS: &[u8] = b"PK\x06\x07";

/// The end without its comment, which is 65,535 bytes at most.
const END_BYTES: usize = 22;

/// An entry's header in the directory, without its name.
const LISTED_BYTES: usize = 46;

/// Whether a file starts as an archive does.
pub(super) fn is_one(file: &[u8]) -> bool {
    file.starts_with(ENTRY)
}

/// Each entry's bytes in the file, by its name.
///
/// # Errors
/// What is wrong with the archive, for people to read.
pub(super) fn entries(file: &[u8]) -> Result<BTreeMap<&str, Range<usize>>, String> {
    let mut left = directory(file).ok_or("is cut off: its zip archive has no end")?;
    let mut found = BTreeMap::new();
    while !left.is_empty() {
        let lies = "has a broken zip archive: its directory lies";
        let listed = Listed::read(left).ok_or(lies)?;
        let name = std::str::from_utf8(listed.name).map_err(|_| lies)?;
        if listed.is_encrypted || listed.method != 0 {
            return Err(format!(
                "has {name:?} compressed or encrypted; only stored entries, as torch writes them, are read"
            ));
        }
        let bytes = listed.contents(file);
        let bytes = bytes.ok_or_else(|| format!("is cut off, or lies: {name:?} is not in it"))?;
        if found.insert(name, bytes).is_some() {
            return Err(format!("has a broken zip archive: {name:?} is there twice"));
        }
        left = &left[listed.header..];
    }
    Ok(found)
}

/// The list of all entries.
fn directory(file: &[u8]) -> Option<&[u8]> {
    let earliest = file.len().saturating_sub(END_BYTES + usize::from(u16::MAX));
    let last = file.len().checked_sub(END_BYTES)?;
    let is_end = |at: &usize| {
        let comment = number::<2>(file, at + 20);
        file[*at..].starts_with(END) && comment == Some(file.len() - at - END_BYTES)
    };
    let end = (earliest..=last).rev().find(is_end)?;
    let (size, start) = match (number::<4>(file, end + 12)?, number::<4>(file, end + 16)?) {
        (size, start) if is_elsewhere(size) || is_elsewhere(start) => {
            let locator = end.checked_sub(20)?;
            let end_64 = number::<8>(starting_with(file, locator, WHERE_END_64_IS)?, 8)?;
            let end_64 = starting_with(file, end_64, END_64)?;
            (number::<8>(end_64, 40)?, number::<8>(end_64, 48)?)
        }
        in_32_bits => in_32_bits,
    };
    file.get(start..start.checked_add(size)?)
}

/// An entry as the directory has it.
struct Listed<'a> {
    name: &'a [u8],
    method: usize,
    is_encrypted: bool,
    /// Of its bytes.
    size: usize,
    /// Where its own header is.
    place: usize,
    /// How long this one is, all in all.
    header: usize,
}

impl<'a> Listed<'a> {
    fn read(directory: &'a [u8]) -> Option<Self> {
        let fixed = starting_with(directory, 0, LISTED)?;
        let [name, extra, comment] = [28, 30, 32].map(|at| number::<2>(fixed, at));
        let (name_end, extra) = (LISTED_BYTES + name?, extra?);
        let header = name_end + extra + comment?;
        directory.get(..header)?;
        // What 32 bits do not hold is in the extra field, in this order.
        let mut in_64_bits = extra_64(&directory[name_end..name_end + extra]);
        let mut size_or_place = |at| match number::<4>(fixed, at)? {
            value if is_elsewhere(value) => {
                let value = number::<8>(in_64_bits, 0)?;
                in_64_bits = &in_64_bits[8..];
                Some(value)
            }
            value => Some(value),
        };
        let size = size_or_place(24)?;
        let stored = size_or_place(20)?;
        let place = size_or_place(42)?;
        let method = number::<2>(fixed, 10)?;
        Some(Self {
            name: &directory[LISTED_BYTES..name_end],
            method,
            is_encrypted: number::<2>(fixed, 8)? % 2 == 1,
            size: if method == 0 && size != stored {
                return None;
            } else {
                size
            },
            place,
            header,
        })
    }

    /// Where its bytes are: behind a header of its own, whose length is not this one's.
    fn contents(&self, file: &[u8]) -> Option<Range<usize>> {
        let own = starting_with(file, self.place, ENTRY)?;
        let [name, extra] = [26, 28].map(|at| number::<2>(own, at));
        let start = self.place + 30 + name? + extra?;
        let bytes = start..start.checked_add(self.size)?;
        file.get(bytes.clone())?;
        Some(bytes)
    }
}

/// The numbers of 64 bits among an entry's extra fields.
fn extra_64(mut fields: &[u8]) -> &[u8] {
    while let (Some(kind), Some(length)) = (number::<2>(fields, 0), number::<2>(fields, 2)) {
        let Some((field, others)) = fields[4..].split_at_checked(length) else {
            break;
        };
        if kind == 1 {
            return field;
        }
        fields = others;
    }
    &[]
}

/// Stands for a number of 64 bits that is somewhere else.
fn is_elsewhere(value: usize) -> bool {
    value == u32::MAX as usize
}

fn starting_with<'a>(file: &'a [u8], at: usize, signature: &[u8]) -> Option<&'a [u8]> {
    file.get(at..).filter(|rest| rest.starts_with(signature))
}

/// A number of so many bytes, little-endian.
fn number<const BYTES: usize>(bytes: &[u8], at: usize) -> Option<usize> {
    let bytes: &[u8; BYTES] = bytes.get(at..)?.first_chunk()?;
    let mut wide = [0; 8];
    wide[..BYTES].copy_from_slice(bytes);
    usize::try_from(u64::from_le_bytes(wide)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(parts: &[&[u8]]) -> Vec<u8> {
        parts.concat()
    }

    /// One entry, `a` with `bytes`; with `wide` every number that may have 64 bits has them.
    fn archive(bytes: &[u8], wide: bool) -> Vec<u8> {
        let length = bytes.len() as u64;
        let narrow = |value: u64| if wide { u32::MAX } else { value as u32 }.to_le_bytes();
        let (le16, le64) = (u16::to_le_bytes, u64::to_le_bytes);
        let entry = parts(&[ENTRY, &[0; 22], &le16(1), &le16(2), b"a", b"..", bytes]);
        let extra = match wide {
            // Another field comes first.
            true => parts(&[
                &[7, 0, 1, 0, 9],
                &[1, 0, 24, 0],
                &le64(length),
                &le64(length),
                &le64(0),
            ]),
            false => vec![],
        };
        let sizes = [narrow(length), narrow(length)].concat();
        let lengths = parts(&[&le16(1), &le16(extra.len() as u16), &[0; 10]]);
        let listed = parts(&[LISTED, &[0; 16], &sizes, &lengths, &narrow(0), b"a", &extra]);
        let (start, size) = (entry.len() as u64, listed.len() as u64);
        let end_64 = parts(&[END_64, &[0; 36], &le64(size), &le64(start)]);
        let locator = parts(&[WHERE_END_64_IS, &[0; 4], &le64(start + size), &[0; 4]]);
        let end = parts(&[
            END,
            &[0; 8],
            &narrow(size),
            &narrow(start),
            &le16(3),
            b"end",
        ]);
        match wide {
            true => parts(&[&entry, &listed, &end_64, &locator, &end]),
            false => parts(&[&entry, &listed, &end]),
        }
    }

    #[test]
    fn an_entry_is_found_by_numbers_of_32_and_of_64_bits() {
        for wide in [false, true] {
            let file = archive(b"hello", wide);
            let found = entries(&file).unwrap();
            assert_eq!(&file[found["a"].clone()], b"hello", "{wide}");
            assert_eq!(found.len(), 1);
        }
    }

    #[test]
    fn an_archive_that_is_cut_off_or_changed_anywhere_does_not_panic() {
        for wide in [false, true] {
            let file = archive(b"hello", wide);
            for end in 0..file.len() {
                assert!(entries(&file[..end]).is_err(), "{wide} {end}");
            }
            for place in 0..file.len() {
                for value in [0, 1, 0x7f, 0xff] {
                    let mut changed = file.clone();
                    changed[place] = value;
                    for bytes in entries(&changed).into_iter().flatten().map(|(_, it)| it) {
                        assert!(changed.get(bytes).is_some(), "{wide} {place} {value}");
                    }
                }
            }
        }
    }
}
