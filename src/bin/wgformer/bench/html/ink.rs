//! Colours of plots, which the page's style sheet gives for light and dark.
//!
//! Plotters writes a colour into each shape. What it is given are stand-ins, for which the style sheet's own are put
//! afterwards.

use plotters::style::RGBColor;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ink {
    Front,
    Quiet,
    Faint,
    Series(usize),
}

/// As many series are told apart: `html/base.css` has a colour for each.
pub(super) const SERIES: usize = 7;

impl Ink {
    fn all() -> impl Iterator<Item = Self> {
        let others = [Self::Front, Self::Quiet, Self::Faint].into_iter();
        others.chain((0..SERIES).map(Self::Series))
    }

    pub(super) fn stand_in(self) -> RGBColor {
        let number = match self {
            Self::Front => 250,
            Self::Quiet => 251,
            Self::Faint => 252,
            Self::Series(number) => (number % SERIES) as u8,
        };
        RGBColor(0xfe, 0x01, number)
    }

    /// As the style sheet calls it.
    fn name(self) -> String {
        match self {
            Self::Front => "var(--front)".to_owned(),
            Self::Quiet => "var(--quiet)".to_owned(),
            Self::Faint => "var(--faint)".to_owned(),
            Self::Series(number) => format!("var(--series{number})"),
        }
    }
}

/// What plotters drew, in the colours of the style sheet.
pub(super) fn themed(svg: &str) -> String {
    Ink::all().fold(svg.to_owned(), |svg, ink| {
        let RGBColor(red, green, blue) = ink.stand_in();
        svg.replace(&format!("#{red:02X}{green:02X}{blue:02X}"), &ink.name())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_colour_is_the_style_sheets() {
        let page = include_str!("../../html/base.css");
        for ink in Ink::all() {
            let name = ink.name();
            let declared = name.trim_start_matches("var(").replace(')', ":");
            assert_eq!(
                page.matches(&declared).count(),
                2,
                "{declared} in light and dark"
            );
        }
        assert_eq!(
            themed("<path stroke=\"#FE0101\"/><text fill=\"#FE01FA\"/>"),
            "<path stroke=\"var(--series1)\"/><text fill=\"var(--front)\"/>"
        );
    }
}
