use crate::error::Result;

/// For how many vectors the memory budget is known to have room, so that many small additions need not ask each time:
/// the answer takes a graph of all slices.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Room {
    known: usize,
}

impl Room {
    /// Checks that there is room for `count`. Where that is not known yet, it learns for how many there is, up to `most`.
    ///
    /// `has_room` says whether there is for so many; more never take less.
    pub(super) fn check(
        &mut self,
        count: usize,
        most: usize,
        has_room: impl Fn(usize) -> Result<()>,
    ) -> Result<()> {
        if count <= self.known {
            return Ok(());
        }
        has_room(count)?;
        // There is for so many; for these there is not, or nobody asked.
        let (mut room, mut beyond, mut next) = (count, most + 1, most);
        while room < next {
            if has_room(next).is_ok() {
                room = next;
            } else {
                beyond = next;
            }
            next = room + (beyond - room) / 2;
        }
        self.known = room;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::error::Error;

    /// Vectors in a slice.
    const SLICE: usize = 8192;

    /// How many are added one at a time, where there is room for so many, and how often was asked.
    fn added(limit: usize) -> (usize, usize) {
        let asked = Cell::new(0);
        let has_room = |count: usize| {
            asked.set(asked.get() + 1);
            let refused = || Error::Limit {
                thing: String::new(),
                needed: count as u64,
                allowed: limit as u64,
                unit: "vectors",
                advice: "",
            };
            (count <= limit).then_some(()).ok_or_else(refused)
        };
        let mut room = Room::default();
        let mut fits = |count: &usize| {
            let most = count.next_multiple_of(SLICE);
            room.check(*count, most, has_room).is_ok()
        };
        let count = (1..).take_while(|count| fits(count)).count();
        (count, asked.get())
    }

    #[test]
    fn it_asks_twice_for_a_slice_and_about_as_often_as_one_can_be_halved_for_the_last() {
        for limit in [0, 1, 2, 100, SLICE - 1, SLICE, SLICE + 1, 5 * SLICE + 4097] {
            let (count, asked) = added(limit);
            assert_eq!(count, limit);
            assert!(asked <= 2 * (limit / SLICE) + 18, "{limit}: {asked}");
        }
    }
}
