//! How long things will take, by what the like took before: what would end too late is not begun.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What things of each kind took, and how much work each was, in units that whoever asks counts it in.
pub(crate) struct Pace<K>(BTreeMap<K, Vec<Seen>>);

struct Seen {
    work: f64,
    time: Duration,
}

impl<K> Default for Pace<K> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<K: Ord> Pace<K> {
    /// What counts of so much work is what was seen last.
    pub(crate) fn saw(&mut self, kind: K, work: f64, time: Duration) {
        let seen = self.0.entry(kind).or_default();
        seen.retain(|it| it.work != work);
        seen.push(Seen { work, time });
    }

    /// In proportion to the nearest of less work, which is rather too long, since what every start costs is in it too; but
    /// no longer than the nearest of more work. `None` of what was never seen.
    pub(crate) fn expect(&self, kind: &K, work: f64) -> Option<Duration> {
        let seen = self.0.get(kind)?;
        let by_work = |a: &&Seen, b: &&Seen| a.work.total_cmp(&b.work);
        let less = seen.iter().filter(|it| it.work <= work).max_by(by_work);
        let more = seen.iter().filter(|it| it.work > work).min_by(by_work);
        let less = less.map(|it| it.time.mul_f64(work / it.work));
        let bounds = less.into_iter().chain(more.map(|it| it.time));
        bounds.min()
    }
}

/// Whether what takes so long, and is begun now, is done by then.
pub(crate) fn fits(time: Duration, until: Instant) -> bool {
    time < left(until)
}

/// Nothing once it is over.
pub(crate) fn left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn more_work_takes_longer_in_proportion_to_the_nearest_of_less() {
        let mut pace = Pace::default();
        pace.saw("a", 1.0, seconds(1));
        pace.saw("a", 4.0, seconds(2));
        pace.saw("b", 1.0, seconds(50));
        assert_eq!(pace.expect(&"a", 40.0), Some(seconds(20)));
        assert_eq!(pace.expect(&"a", 4.0), Some(seconds(2)));
        // Three times as long as the smaller, but for the larger that took less.
        assert_eq!(pace.expect(&"a", 3.0), Some(seconds(2)));
        assert_eq!(pace.expect(&"a", 0.1), Some(seconds(1)));
        assert_eq!(pace.expect(&"c", 1.0), None);
        pace.saw("a", 4.0, seconds(3));
        assert_eq!(pace.expect(&"a", 8.0), Some(seconds(6)));
    }

    #[test]
    fn nothing_fits_into_no_time() {
        let now = Instant::now();
        assert!(!fits(Duration::ZERO, now));
        assert!(fits(seconds(59), now + seconds(3600)));
        assert!(!fits(seconds(3601), now + seconds(3600)));
    }
}
