//! Series over two logarithmic axes, as SVG, with their legend below.
//!
//! SVG is written here and not by a plotting crate: those write colours into every shape, where this page's style sheet
//! gives them for light and dark; they guess how wide a text is without its font, where this page lets the browser set
//! the legend; and their marks do not say their values under the pointer.

use super::axis::{Axis, Scale, Tick, is_shown};
use crate::html::markup::{Element, element};

/// What is drawn in one frame.
pub(super) struct Plot {
    pub(super) title: String,
    /// What a reader should know of it.
    pub(super) note: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
}

/// Points of one kind.
pub(super) struct Series {
    pub(super) name: String,
    pub(super) look: Look,
    pub(super) points: Vec<[f64; 2]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Marks and a line through them.
    Line,
    Marks,
    /// What others are compared with.
    Context,
    /// A line without marks: what cannot be exceeded.
    Limit,
}

/// As many series are told apart by colour, mark and dashes: `page.css` has a class for each.
pub(super) const STYLES: usize = 7;

// In the units of the view box, of which a phone shows one by one.
const WIDTH: f64 = 340.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 50.0;
const RIGHT: f64 = 322.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 214.0;

/// A digit's width at the style sheet's size of text, and a line's height.
const CHARACTER: f64 = 7.5;
const LINE: f64 = 18.0;

/// From a mark's middle to its edge.
const MARK: f64 = 4.0;

impl Plot {
    /// `None` where there is nothing to be seen.
    pub(super) fn figure(&self) -> Option<Element> {
        let points = || self.series.iter().flat_map(|series| &series.points);
        let shown = || points().filter(|point| point.iter().all(|it| is_shown(*it)));
        let frame = Frame {
            x: Scale::of(self.x, shown().map(|point| point[0]))?,
            y: Scale::of(self.y, shown().map(|point| point[1]))?,
        };
        let svg = element("svg")
            .attribute("viewBox", format!("0 0 {WIDTH} {HEIGHT}"))
            .attribute("role", "img")
            .attribute("aria-label", &self.title)
            .children(frame.axes())
            .children(self.styled().map(|(series, style)| {
                element("g")
                    .class(style.class())
                    .children(frame.line(series))
                    .children(frame.marks(series, style, self))
            }));
        let legend = self.styled().map(|(series, style)| {
            element("li")
                .child(style.key(series.look))
                .child(element("span").text(&series.name))
        });
        Some(
            element("figure")
                .child(element("h3").text(&self.title))
                .child(svg)
                .child(element("ul").class("legend").children(legend))
                .child(element("figcaption").text(&self.note)),
        )
    }

    /// Measured series have the styles in order; limits and context have their own.
    fn styled(&self) -> impl Iterator<Item = (&Series, Style)> {
        let [mut measured, mut limits] = [0; 2];
        self.series.iter().map(move |series| {
            let number = match series.look {
                Look::Line | Look::Marks => &mut measured,
                Look::Limit => &mut limits,
                Look::Context => return (series, Style::Context),
            };
            let place = *number;
            *number += 1;
            let style = match series.look {
                Look::Limit => Style::Limit(place),
                _ => Style::Measured(place % STYLES),
            };
            (series, style)
        })
    }
}

/// How a series looks.
#[derive(Clone, Copy)]
enum Style {
    Measured(usize),
    Limit(usize),
    Context,
}

impl Style {
    fn class(self) -> String {
        match self {
            Self::Measured(number) => format!("series{number}"),
            Self::Limit(number) => format!("limit limit{}", number % 6),
            Self::Context => "context".to_owned(),
        }
    }

    /// A mark about a place.
    fn mark(self, x: f64, y: f64) -> Element {
        let near = |points: &[[f64; 2]]| {
            let points = points
                .iter()
                .map(|[dx, dy]| format!("{:.1},{:.1}", x + MARK * dx, y + MARK * dy));
            let points: Vec<String> = points.collect();
            element("polygon").attribute("points", points.join(" "))
        };
        let Self::Measured(number) = self else {
            return circle(x, y, 0.5 * MARK);
        };
        match number {
            0 => circle(x, y, MARK),
            1 => near(&[[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]),
            2 => near(&[[0.0, -1.3], [1.2, 0.9], [-1.2, 0.9]]),
            3 => near(&[[0.0, -1.4], [1.4, 0.0], [0.0, 1.4], [-1.4, 0.0]]),
            4 => near(&[[0.0, 1.3], [1.2, -0.9], [-1.2, -0.9]]),
            5 => near(&[[-1.3, -0.5], [1.3, -0.5], [1.3, 0.5], [-1.3, 0.5]]),
            _ => near(&[[-0.5, -1.4], [0.5, -1.4], [0.5, 1.4], [-0.5, 1.4]]),
        }
    }

    /// What stands beside a series' name.
    fn key(self, look: Look) -> Element {
        let line = element("path").class("line").attribute("d", "M1,7 H33");
        let svg = element("svg")
            .class(format!("key {}", self.class()))
            .attribute("viewBox", "0 0 34 14")
            .attribute("aria-hidden", "true");
        match look {
            Look::Line => svg.child(line).child(self.mark(17.0, 7.0)),
            Look::Limit => svg.child(line),
            Look::Marks | Look::Context => svg.child(self.mark(17.0, 7.0)),
        }
    }
}

fn circle(x: f64, y: f64, radius: f64) -> Element {
    element("circle")
        .attribute("cx", format!("{x:.1}"))
        .attribute("cy", format!("{y:.1}"))
        .attribute("r", radius)
}

/// Where values are in the view box.
struct Frame {
    x: Scale,
    y: Scale,
}

impl Frame {
    fn place(&self, [x, y]: [f64; 2]) -> [f64; 2] {
        [
            across(self.x.place(x)),
            BOTTOM + (TOP - BOTTOM) * self.y.place(y),
        ]
    }

    fn axes(&self) -> Vec<Element> {
        let wide = |tick: &Tick| CHARACTER * (tick.label.chars().count() + 1) as f64;
        let beside = |a: &Tick, b: &Tick| {
            (across(a.place) - across(b.place)).abs() > 0.5 * (wide(a) + wide(b))
        };
        let below = |a: &Tick, b: &Tick| (BOTTOM - TOP) * (a.place - b.place).abs() > LINE;
        let mut axes = vec![];
        for tick in self.x.ticks(beside) {
            let x = across(tick.place);
            axes.push(grid(format!("M{x:.1},{TOP} V{BOTTOM}")));
            axes.push(label(x, BOTTOM + LINE, "middle", &tick.label));
        }
        for tick in self.y.ticks(below) {
            let y = BOTTOM + (TOP - BOTTOM) * tick.place;
            axes.push(grid(format!("M{LEFT},{y:.1} H{RIGHT}")));
            axes.push(label(LEFT - 7.0, y + 4.0, "end", &tick.label));
        }
        let frame = format!("M{LEFT},{TOP} V{BOTTOM} H{RIGHT}");
        axes.push(element("path").class("frame").attribute("d", frame));
        let middle = 0.5 * (LEFT + RIGHT);
        axes.push(label(middle, HEIGHT - 6.0, "middle", &self.x.title()).class("title"));
        axes.push(label(4.0, 14.0, "start", &self.y.title()).class("title"));
        axes
    }

    fn line(&self, series: &Series) -> Option<Element> {
        if !matches!(series.look, Look::Line | Look::Limit) {
            return None;
        }
        let places = self.places(series);
        let steps = places.map(|(_, [x, y])| format!("{x:.1},{y:.1}"));
        let steps: Vec<String> = steps.collect();
        let path = format!("M{}", steps.join(" L"));
        Some(element("path").class("line").attribute("d", path)).filter(|_| steps.len() > 1)
    }

    fn marks(&self, series: &Series, style: Style, plot: &Plot) -> Vec<Element> {
        if series.look == Look::Limit {
            return vec![];
        }
        let marks = self.places(series).map(|([x, y], [across, down])| {
            let [x, y] = [plot.x.words(x), plot.y.words(y)];
            let title = format!("{}: {x}, {y}", series.name);
            style.mark(across, down).child(element("title").text(title))
        });
        marks.collect()
    }

    fn places(&self, series: &Series) -> impl Iterator<Item = ([f64; 2], [f64; 2])> {
        let points = series.points.iter().copied();
        points
            .filter(|point| point.iter().all(|it| is_shown(*it)))
            .map(|point| (point, self.place(point)))
    }
}

fn across(place: f64) -> f64 {
    LEFT + (RIGHT - LEFT) * place
}

fn grid(path: String) -> Element {
    element("path").class("grid").attribute("d", path)
}

fn label(x: f64, y: f64, anchor: &str, text: &str) -> Element {
    element("text")
        .attribute("x", format!("{x:.1}"))
        .attribute("y", format!("{y:.1}"))
        .attribute("text-anchor", anchor)
        .text(text)
}

#[cfg(test)]
mod tests {
    use super::super::axis::Ticks;
    use super::*;

    fn plot(points: &[[f64; 2]]) -> Plot {
        let axis = |what| Axis {
            what,
            unit: "s",
            ticks: Ticks::Prefixed,
        };
        let series = |name: &str, look| Series {
            name: name.to_owned(),
            look,
            points: points.to_vec(),
        };
        Plot {
            title: "times".to_owned(),
            note: String::new(),
            x: axis("before"),
            y: axis("after"),
            series: vec![
                series("one", Look::Line),
                series("two", Look::Line),
                series("roof", Look::Limit),
            ],
        }
    }

    #[test]
    fn each_series_has_a_look_of_its_own_and_a_name() {
        let figure = plot(&[[1.0, 2.0], [10.0, 3.0]])
            .figure()
            .unwrap()
            .to_string();
        for name in ["one", "two", "roof"] {
            assert!(figure.contains(&format!("<span>{name}</span>")), "{figure}");
        }
        for class in ["series0", "series1", "limit limit0"] {
            // In the plot and in the legend.
            let count = figure.matches(&format!("{class}\"")).count();
            assert_eq!(count, 2, "{class}: {figure}");
        }
        assert!(
            figure.contains("<title>one: 1.00 s, 2.00 s</title>"),
            "{figure}"
        );
        assert!(figure.contains(">before, s<"), "{figure}");
    }

    #[test]
    fn a_point_that_cannot_be_shown_is_left_out_and_none_make_no_figure() {
        let figure = plot(&[[1.0, 2.0], [0.0, 3.0], [4.0, f64::NAN]]).figure();
        let figure = figure.unwrap().to_string();
        assert_eq!(figure.matches("<title>one: ").count(), 1, "{figure}");
        assert!(
            !figure.contains("NaN") && !figure.contains("inf"),
            "{figure}"
        );
        assert!(plot(&[[0.0, 1.0]]).figure().is_none());
        assert!(plot(&[]).figure().is_none());
    }

    #[test]
    fn points_are_within_the_frame() {
        let points = [[1e-6, 1e-9], [3.0, 1e-3]];
        let plot = plot(&points);
        let frame = Frame {
            x: Scale::of(plot.x, points.iter().map(|it| it[0])).unwrap(),
            y: Scale::of(plot.y, points.iter().map(|it| it[1])).unwrap(),
        };
        let [first, second] = points.map(|point| frame.place(point));
        assert!(LEFT < first[0] && first[0] < second[0] && second[0] < RIGHT);
        assert!(TOP < second[1] && second[1] < first[1] && first[1] < BOTTOM);
    }
}
