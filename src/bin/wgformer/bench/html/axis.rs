//! A logarithmic axis: where a value is on it, and which values it names.
//!
//! Plotters has one too, which knows neither how wide its labels are nor units with prefixes.

use std::ops::Range;

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use crate::numbers::digits;

/// What an axis says, and how.
#[derive(Clone, Copy)]
pub(super) struct Axis {
    /// What is along it.
    pub(super) what: &'static str,
    pub(super) unit: &'static str,
    pub(super) ticks: Ticks,
}

impl Axis {
    /// A value of it by itself.
    pub(super) fn words(&self, value: f64) -> String {
        match self.ticks {
            Ticks::Decades => format!("{value:.2} {}", self.unit),
            Ticks::Prefixed => {
                let (size, prefix) = prefix(value);
                format!("{} {prefix}{}", digits(value / size), self.unit)
            }
            Ticks::Measured(label) if self.unit.is_empty() => {
                format!("{} {}", label(value), self.what)
            }
            Ticks::Measured(label) => format!("{} {}", label(value), self.unit),
        }
    }
}

/// The values that may be named.
#[derive(Clone, Copy)]
pub(super) enum Ticks {
    /// 1, 2 and 5 of every power of ten.
    Decades,
    /// The same, in thousands or millions of the unit, or the like, so that numbers are short.
    Prefixed,
    /// Those that were measured, in these words.
    Measured(fn(f64) -> String),
}

/// An axis between its ends.
pub(super) struct Scale {
    axis: Axis,
    low: f64,
    high: f64,
    measured: Vec<f64>,
    prefix: (f64, &'static str),
}

/// A value, and what is written beside it.
pub(super) struct Tick {
    value: f64,
    /// From 0 to 1.
    pub(super) place: f64,
    pub(super) label: String,
}

/// An axis with its ticks, as plotters draws it.
pub(super) struct Ruler {
    scale: Scale,
    ticks: Vec<Tick>,
}

impl Ruler {
    /// `room` says whether two ticks keep clear of each other.
    pub(super) fn new(scale: Scale, room: impl Fn(&Tick, &Tick) -> bool) -> Self {
        let ticks = scale.ticks(room);
        Self { scale, ticks }
    }

    /// What is along it, with the unit.
    pub(super) fn title(&self) -> String {
        self.scale.title()
    }
}

impl Ranged for Ruler {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, (start, end): (i32, i32)) -> i32 {
        start + (f64::from(end - start) * self.scale.place(*value)).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, _: Hint) -> Vec<f64> {
        self.ticks.iter().map(|tick| tick.value).collect()
    }

    fn range(&self) -> Range<f64> {
        self.scale.low..self.scale.high
    }
}

impl ValueFormatter<f64> for Ruler {
    fn format_ext(&self, value: &f64) -> String {
        let tick = self.ticks.iter().find(|tick| tick.value == *value);
        tick.map(|tick| tick.label.clone()).unwrap_or_default()
    }
}

const PREFIXES: [(f64, &str); 8] = [
    (1e12, "T"),
    (1e9, "G"),
    (1e6, "M"),
    (1e3, "k"),
    (1.0, ""),
    (1e-3, "m"),
    (1e-6, "µ"),
    (1e-9, "n"),
];

/// By how much the ends are beyond measured values.
const MARGIN: f64 = 1.2;

impl Scale {
    /// `None` if no value can be shown: each must be a positive number.
    pub(super) fn of(axis: Axis, values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut measured: Vec<f64> = values.filter(|value| is_shown(*value)).collect();
        measured.sort_by(f64::total_cmp);
        measured.dedup();
        let (least, most) = (*measured.first()?, *measured.last()?);
        let (low, high) = match axis.ticks {
            Ticks::Measured(_) => (least / MARGIN, most * MARGIN),
            Ticks::Decades | Ticks::Prefixed => (
                step_below(least / MARGIN.sqrt()),
                step_above(most * MARGIN.sqrt()),
            ),
        };
        let prefix = match axis.ticks {
            Ticks::Prefixed => prefix(most),
            Ticks::Decades | Ticks::Measured(_) => (1.0, ""),
        };
        Some(Self {
            axis,
            low,
            high,
            measured,
            prefix,
        })
    }

    /// From 0 to 1.
    fn place(&self, value: f64) -> f64 {
        (value / self.low).log10() / (self.high / self.low).log10()
    }

    fn title(&self) -> String {
        let Axis { what, unit, .. } = self.axis;
        match (unit, self.prefix.1) {
            ("", _) => what.to_owned(),
            (unit, prefix) => format!("{what}, {prefix}{unit}"),
        }
    }

    /// Those for which there is room: `room` says whether two of them keep clear of each other.
    ///
    /// Powers of ten come first, and if there is room for all of them, what is between them.
    fn ticks(&self, room: impl Fn(&Tick, &Tick) -> bool) -> Vec<Tick> {
        let add = |mut ticks: Vec<Tick>, candidates: Vec<Tick>| {
            for tick in candidates {
                if ticks.iter().all(|other| room(other, &tick)) {
                    ticks.push(tick);
                }
            }
            ticks
        };
        if let Ticks::Measured(label) = self.axis.ticks {
            let values = self.measured.iter();
            let all = values.map(|value| self.tick(*value, label(*value)));
            return add(vec![], all.collect());
        }
        let powers = add(vec![], self.steps(&[1.0]));
        let (alone, between) = (powers.len(), self.steps(&[2.0, 5.0]));
        let whole = alone + between.len();
        let mut ticks = add(powers, between);
        // Some of what is between powers of ten, and some not, would be hard to read.
        if alone > 1 && ticks.len() < whole {
            ticks.truncate(alone);
        }
        ticks
    }

    /// Multiples of powers of ten within the ends.
    fn steps(&self, multiples: &[f64]) -> Vec<Tick> {
        let exponents = self.low.log10().floor() as i32..=self.high.log10().ceil() as i32;
        let values = exponents.flat_map(|exponent| {
            let power = 10f64.powi(exponent);
            multiples.iter().map(move |multiple| multiple * power)
        });
        // What is off by rounding is at the end.
        let within = |value: &f64| (-1e-9..=1.0 + 1e-9).contains(&self.place(*value));
        let label = |value| short(value / self.prefix.0);
        let ticks = values.filter(within);
        ticks.map(|value| self.tick(value, label(value))).collect()
    }

    fn tick(&self, value: f64, label: String) -> Tick {
        let place = self.place(value);
        Tick {
            value,
            place,
            label,
        }
    }
}

/// The greatest that leaves at least 1.
fn prefix(value: f64) -> (f64, &'static str) {
    let fits = PREFIXES.into_iter().find(|(size, _)| *size <= value);
    fits.unwrap_or(PREFIXES[PREFIXES.len() - 1])
}

/// On a logarithmic axis.
pub(super) fn is_shown(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

/// The largest of 1, 2 and 5 of a power of ten that is not above it.
fn step_below(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let steps = [5.0, 2.0, 1.0].map(|step| step * power);
    let below = steps.into_iter().find(|step| *step <= value);
    below.unwrap_or(power)
}

/// The least that is above it.
fn step_above(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 5.0].map(|step| step * power);
    let above = steps.into_iter().find(|step| *step > value);
    above.unwrap_or(10.0 * power)
}

/// As many places after the point as its first digit needs.
fn short(value: f64) -> String {
    let places = (-(value.log10() + 1e-9).floor()).max(0.0) as usize;
    format!("{value:.places$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: Axis, values: &[f64], room: f64) -> (String, Vec<String>) {
        let scale = Scale::of(axis, values.iter().copied()).unwrap();
        let ticks = scale.ticks(|a, b| (a.place - b.place).abs() > room);
        let mut ticks: Vec<(f64, String)> =
            ticks.into_iter().map(|it| (it.place, it.label)).collect();
        ticks.sort_by(|a, b| a.0.total_cmp(&b.0));
        (
            scale.title(),
            ticks.into_iter().map(|(_, label)| label).collect(),
        )
    }

    const RATE: Axis = Axis {
        what: "rate",
        unit: "FLOP/s",
        ticks: Ticks::Prefixed,
    };

    #[test]
    fn an_axis_has_a_prefix_that_keeps_its_numbers_short() {
        let (title, ticks) = labels(RATE, &[3e8, 6e10], 0.05);
        assert_eq!(title, "rate, GFLOP/s");
        assert_eq!(
            ticks,
            ["0.2", "0.5", "1", "2", "5", "10", "20", "50", "100"]
        );
        let (title, ticks) = labels(RATE, &[3e8, 6e10], 0.2);
        assert_eq!(
            (&title[..], ticks.join(" ")),
            ("rate, GFLOP/s", "1 10 100".to_owned())
        );
    }

    #[test]
    fn few_values_have_two_ticks_about_them() {
        for value in [1.0, 3.0, 9.9, 1e-7, 4.2e11] {
            let (_, ticks) = labels(RATE, &[value], 0.05);
            assert!(ticks.len() >= 2, "{value}: {ticks:?}");
        }
    }

    #[test]
    fn measured_values_are_named_where_there_is_room() {
        let tokens = Axis {
            what: "tokens",
            unit: "",
            ticks: Ticks::Measured(|value| value.to_string()),
        };
        let values = [16.0, 128.0, 130.0, 512.0];
        let (title, ticks) = labels(tokens, &values, 0.05);
        assert_eq!(
            (&title[..], ticks.join(" ")),
            ("tokens", "16 128 512".to_owned())
        );
    }

    #[test]
    fn what_a_logarithmic_axis_cannot_show_is_left_out() {
        assert!(Scale::of(RATE, [0.0, f64::NAN, -1.0].into_iter()).is_none());
        let scale = Scale::of(RATE, [0.0, f64::INFINITY, 2.0].into_iter()).unwrap();
        assert!(scale.low > 0.5 && scale.high < 10.0);
    }
}
