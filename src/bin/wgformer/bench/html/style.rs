//! How a series looks, in a plot and in its legend: told apart by colour, by mark and by dashes.

use plotters::element::{
    Circle, DashedPathElement, DynElement, IntoDynElement, PathElement, Polygon,
};
use plotters::prelude::DrawingBackend;
use plotters::style::{Color, RGBAColor, ShapeStyle};

use super::ink::Ink;

#[derive(Clone, Copy)]
pub(super) enum Style {
    Measured(usize),
    /// What cannot be exceeded.
    Limit(usize),
    /// What others are compared with.
    Context,
}

/// Lengths of a dash and of what is between two; `None`: a whole line.
const DASHES: [Option<[u32; 2]>; 7] = [
    None,
    Some([7, 3]),
    Some([2, 3]),
    Some([12, 4]),
    Some([4, 2]),
    Some([9, 6]),
    Some([3, 6]),
];

/// The corners of marks; the first is a circle.
const CORNERS: [&[(i32, i32)]; 7] = [
    &[],
    &[(-4, -4), (4, -4), (4, 4), (-4, 4)],
    &[(0, -5), (5, 4), (-5, 4)],
    &[(0, -6), (6, 0), (0, 6), (-6, 0)],
    &[(0, 5), (5, -4), (-5, -4)],
    &[(-5, -2), (5, -2), (5, 2), (-5, 2)],
    &[(-2, -6), (2, -6), (2, 6), (-2, 6)],
];

impl Style {
    fn color(self) -> RGBAColor {
        match self {
            Self::Measured(number) => Ink::Series(number).stand_in().to_rgba(),
            Self::Limit(_) => Ink::Front.stand_in().to_rgba(),
            Self::Context => Ink::Quiet.stand_in().mix(0.6),
        }
    }

    /// A mark at a place of the picture.
    pub(super) fn mark<'a, B>(self, (x, y): (i32, i32)) -> DynElement<'a, B, (i32, i32)>
    where
        B: DrawingBackend,
    {
        let filled = self.color().filled();
        let number = match self {
            Self::Measured(number) => number % CORNERS.len(),
            Self::Limit(_) | Self::Context => 0,
        };
        let radius = if matches!(self, Self::Measured(_)) {
            4
        } else {
            2
        };
        match CORNERS[number] {
            [] => Circle::new((x, y), radius, filled).into_dyn(),
            corners => {
                let corners = corners.iter().map(|(dx, dy)| (x + dx, y + dy));
                Polygon::new(corners.collect::<Vec<_>>(), filled).into_dyn()
            }
        }
    }

    /// A line through places of the picture.
    pub(super) fn line<'a, B>(self, through: Vec<(i32, i32)>) -> DynElement<'a, B, (i32, i32)>
    where
        B: DrawingBackend,
    {
        let (number, width) = match self {
            Self::Limit(number) => (number, 1),
            Self::Measured(number) => (number, 2),
            Self::Context => (0, 1),
        };
        let stroke: ShapeStyle = self.color().stroke_width(width);
        match DASHES[number % DASHES.len()] {
            None => PathElement::new(through, stroke).into_dyn(),
            Some([dash, between]) => {
                DashedPathElement::new(through, dash, between, stroke).into_dyn()
            }
        }
    }
}
