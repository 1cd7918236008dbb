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
    /// The tail of what is measured under that number: in its ink, thinner, dotted, with hollow marks of its form.
    Tail(usize),
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

const DOTS: Option<[u32; 2]> = Some([1, 2]);

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
            Self::Measured(number) | Self::Tail(number) => Ink::Series(number).stand_in().to_rgba(),
            Self::Limit(_) => Ink::Front.stand_in().to_rgba(),
            Self::Context => Ink::Quiet.stand_in().mix(0.6),
        }
    }

    /// A mark at a place of the picture.
    pub(super) fn mark<'a, B>(self, (x, y): (i32, i32)) -> DynElement<'a, B, (i32, i32)>
    where
        B: DrawingBackend,
    {
        let number = match self {
            Self::Measured(number) | Self::Tail(number) => number % CORNERS.len(),
            Self::Limit(_) | Self::Context => 0,
        };
        let (style, radius) = match self {
            Self::Measured(_) => (self.color().filled(), 4),
            Self::Tail(_) => (self.color().stroke_width(1), 4),
            Self::Limit(_) | Self::Context => (self.color().filled(), 2),
        };
        let corners = CORNERS[number].iter().map(|(dx, dy)| (x + dx, y + dy));
        let mut corners: Vec<(i32, i32)> = corners.collect();
        match (&corners[..], self) {
            ([], _) => Circle::new((x, y), radius, style).into_dyn(),
            ([first, ..], Self::Tail(_)) => {
                let first = *first;
                corners.push(first);
                PathElement::new(corners, style).into_dyn()
            }
            _ => Polygon::new(corners, style).into_dyn(),
        }
    }

    /// A line through places of the picture.
    pub(super) fn line<'a, B>(self, through: Vec<(i32, i32)>) -> DynElement<'a, B, (i32, i32)>
    where
        B: DrawingBackend,
    {
        let (dashes, width) = match self {
            Self::Limit(number) => (DASHES[number % DASHES.len()], 1),
            Self::Measured(number) => (DASHES[number % DASHES.len()], 2),
            Self::Tail(_) => (DOTS, 1),
            Self::Context => (None, 1),
        };
        let stroke: ShapeStyle = self.color().stroke_width(width);
        match dashes {
            None => PathElement::new(through, stroke).into_dyn(),
            Some([dash, between]) => {
                DashedPathElement::new(through, dash, between, stroke).into_dyn()
            }
        }
    }
}
