//! Series over two logarithmic axes, drawn by plotters. The legend is HTML below, since words must wrap on a narrow screen.

use anyhow::Result;
use plotters::prelude::{
    ChartBuilder, IntoDrawingArea, IntoTextStyle, LabelAreaPosition, SVGBackend, TRANSPARENT,
};

use super::axis::{Axis, Ruler, Scale, Tick, is_shown};
use super::ink::{self, Ink, themed};
use super::style::Style;
use crate::html::markup::{Element, element};

/// What is drawn in one frame.
pub(super) struct Plot {
    pub(super) title: String,
    /// What a reader should know of it.
    pub(super) note: String,
    pub(super) x: Axis,
    pub(super) y: Axis,
    pub(super) series: Vec<Series>,
    /// For which the axes have room too: those of plots that are to be compared with this one.
    pub(super) beside: Vec<[f64; 2]>,
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
    /// What the slowest runs of a measured series took, of which this is the number.
    Tail(usize),
    /// What others are compared with.
    Context,
    /// A line without marks: what cannot be exceeded.
    Limit,
}

/// As many series are told apart.
pub(super) const STYLES: usize = ink::SERIES;

// In the units of the view box, of which a phone shows one by one.
const WIDTH: u32 = 340;
const HEIGHT: u32 = 260;
/// About everything; to the right, half of a label that stands below the last tick.
const MARGIN: u32 = 10;
const RIGHT: u32 = 30;
/// For the labels and the title of an axis.
const LEFT: u32 = 52;
const BELOW: u32 = 42;

// Plotters divides the size by 1.24.
const FONT: (&str, u32) = ("sans-serif", 15);
/// A digit's width, and a line's height.
const CHARACTER: f64 = 7.5;
const LINE: f64 = 18.0;

/// What stands beside a series' name.
const KEY: [u32; 2] = [34, 14];

/// Around a mark, where a pointer is told its values.
const NEAR: u32 = 7;

impl Plot {
    /// `None` where there is nothing to be seen.
    ///
    /// # Errors
    /// If it cannot be drawn.
    pub(super) fn figure(&self) -> Result<Option<Element>> {
        let Some([x, y]) = self.rulers() else {
            return Ok(None);
        };
        let mut drawn = String::new();
        let hints = self.draw(&mut drawn, x, y)?;
        let svg = svg([WIDTH, HEIGHT], &drawn)
            .attribute("role", "img")
            .attribute("aria-label", &self.title)
            .children(hints);
        let mut legend = element("ul").class("legend");
        for (series, style) in self.styled() {
            // It keeps a look for plots beside this one.
            if series.shown().next().is_none() {
                continue;
            }
            let item = element("li").child(key(series.look, style)?);
            legend = legend.child(item.child(element("span").text(&series.name)));
        }
        let figure = element("figure")
            .child(element("h3").text(&self.title))
            .child(svg)
            .child(legend)
            .child(element("figcaption").text(&self.note));
        Ok(Some(figure))
    }

    fn rulers(&self) -> Option<[Ruler; 2]> {
        self.series.iter().flat_map(Series::shown).next()?;
        let beside = || shown(&self.beside);
        let shown = || self.series.iter().flat_map(Series::shown).chain(beside());
        let across = f64::from(WIDTH - LEFT - MARGIN - RIGHT);
        let up = f64::from(HEIGHT - BELOW - 2 * MARGIN);
        let wide = |tick: &Tick| CHARACTER * (tick.label.chars().count() + 1) as f64;
        let aside =
            |a: &Tick, b: &Tick| across * (a.place - b.place).abs() > 0.5 * (wide(a) + wide(b));
        let below = |a: &Tick, b: &Tick| up * (a.place - b.place).abs() > LINE;
        let x = Scale::of(self.x, shown().map(|point| point.0))?;
        let y = Scale::of(self.y, shown().map(|point| point.1))?;
        Some([Ruler::new(x, aside), Ruler::new(y, below)])
    }

    /// What a pointer is told, to be put over it.
    fn draw(&self, drawn: &mut String, x: Ruler, y: Ruler) -> Result<Vec<Element>> {
        let area = SVGBackend::with_string(drawn, (WIDTH, HEIGHT)).into_drawing_area();
        let titles = [x.title(), y.title()];
        let mut chart = ChartBuilder::on(&area)
            .margin(MARGIN)
            .margin_right(RIGHT)
            .set_label_area_size(LabelAreaPosition::Left, LEFT)
            .set_label_area_size(LabelAreaPosition::Bottom, BELOW)
            .build_cartesian_2d(x, y)?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(Ink::Faint.stand_in())
            .axis_style(Ink::Quiet.stand_in())
            .label_style(
                FONT.with_color(Ink::Quiet.stand_in())
                    .into_text_style(&area),
            )
            .axis_desc_style(
                FONT.with_color(Ink::Front.stand_in())
                    .into_text_style(&area),
            )
            .x_desc(&titles[0])
            .y_desc(&titles[1])
            .draw()?;
        let mut hints = vec![];
        for (series, style) in self.styled() {
            if series.look.has_line() {
                let places = series.shown().map(|point| chart.backend_coord(&point));
                let places: Vec<_> = places.collect();
                if places.len() > 1 {
                    area.draw(&style.line(places))?;
                }
            }
            if series.look.has_marks() {
                for point in series.shown() {
                    let place = chart.backend_coord(&point);
                    area.draw(&style.mark(place))?;
                    hints.push(self.hint(series, point, place));
                }
            }
        }
        area.present()?;
        Ok(hints)
    }

    fn hint(&self, series: &Series, (x, y): (f64, f64), (across, down): (i32, i32)) -> Element {
        let [x, y] = [self.x.words(x), self.y.words(y)];
        element("circle")
            .class("hint")
            .attribute("cx", across)
            .attribute("cy", down)
            .attribute("r", NEAR)
            .child(element("title").text(format!("{}: {x}, {y}", series.name)))
    }

    /// Measured series have the styles in order; limits and context have their own.
    fn styled(&self) -> impl Iterator<Item = (&Series, Style)> {
        let [mut measured, mut limits] = [0; 2];
        self.series.iter().map(move |series| {
            let number = match series.look {
                Look::Line | Look::Marks => &mut measured,
                Look::Limit => &mut limits,
                Look::Tail(of) => return (series, Style::Tail(of % STYLES)),
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

impl Look {
    fn has_line(self) -> bool {
        matches!(self, Self::Line | Self::Tail(_) | Self::Limit)
    }

    fn has_marks(self) -> bool {
        self != Self::Limit
    }
}

impl Series {
    fn shown(&self) -> impl Iterator<Item = (f64, f64)> {
        shown(&self.points)
    }
}

/// Those that logarithmic axes can show.
fn shown(points: &[[f64; 2]]) -> impl Iterator<Item = (f64, f64)> {
    let points = points.iter().copied();
    points
        .filter(|point| point.iter().all(|it| is_shown(*it)))
        .map(|[x, y]| (x, y))
}

fn key(look: Look, style: Style) -> Result<Element> {
    let [width, height] = KEY;
    let (end, middle) = (width as i32 - 1, height as i32 / 2);
    let mut drawn = String::new();
    let area = SVGBackend::with_string(&mut drawn, (width, height)).into_drawing_area();
    if look.has_line() {
        area.draw(&style.line(vec![(1, middle), (end, middle)]))?;
    }
    if look.has_marks() {
        area.draw(&style.mark((end / 2, middle)))?;
    }
    area.present()?;
    drop(area);
    let svg = svg(KEY, &drawn).class("key");
    Ok(svg.attribute("aria-hidden", "true"))
}

/// What plotters drew, in an element of this page.
fn svg([width, height]: [u32; 2], drawn: &str) -> Element {
    let inner = drawn.split_once('>').map_or("", |(_, inner)| inner);
    let inner = inner.trim_end().trim_end_matches("</svg>");
    element("svg")
        .attribute("viewBox", format!("0 0 {width} {height}"))
        .raw(themed(inner))
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
            beside: vec![],
        }
    }

    fn drawn(points: &[[f64; 2]]) -> Option<String> {
        plot(points).figure().unwrap().map(|it| it.to_string())
    }

    #[test]
    fn each_series_has_a_look_of_its_own_and_a_name() {
        let figure = drawn(&[[1.0, 2.0], [10.0, 3.0]]).unwrap();
        for name in ["one", "two", "roof"] {
            assert!(figure.contains(&format!("<span>{name}</span>")), "{figure}");
        }
        for color in ["var(--series0)", "var(--series1)", "var(--front)"] {
            let (plot, legend) = figure.split_once("<ul").unwrap();
            assert!(
                plot.contains(color) && legend.contains(color),
                "{color}: {figure}"
            );
        }
        assert!(
            figure.contains("<title>one: 1.00 s, 2.00 s</title>"),
            "{figure}"
        );
        assert!(
            figure.contains("before, s\n") && figure.contains("after, s\n"),
            "{figure}"
        );
    }

    #[test]
    fn a_point_that_cannot_be_shown_is_left_out_and_none_make_no_figure() {
        let figure = drawn(&[[1.0, 2.0], [0.0, 3.0], [4.0, f64::NAN]]).unwrap();
        assert_eq!(figure.matches("<title>one: ").count(), 1, "{figure}");
        assert!(
            !figure.contains("NaN") && !figure.contains("inf"),
            "{figure}"
        );
        assert!(drawn(&[[0.0, 1.0]]).is_none());
        assert!(drawn(&[]).is_none());
    }

    #[test]
    fn a_plot_has_room_for_what_is_beside_it_and_looks_stay() {
        let alone = plot(&[[1.0, 2.0], [2.0, 3.0]]);
        let mut beside = plot(&[[1.0, 2.0], [2.0, 3.0]]);
        beside.beside = vec![[2.0, 3000.0]];
        beside.series[0].points.clear();
        let [low, high] = [&alone, &beside].map(|it| {
            let [_, y] = it.rulers().unwrap();
            y.title()
        });
        assert_eq!((&low[..], &high[..]), ("after, s", "after, ks"));
        let figure = beside.figure().unwrap().unwrap().to_string();
        assert!(figure.contains("var(--series1)"), "{figure}");
        assert!(!figure.contains("var(--series0)") && !figure.contains("<span>one"));
        beside.series.clear();
        assert!(beside.figure().unwrap().is_none());
    }

    #[test]
    fn a_tail_is_in_the_ink_of_its_series() {
        let mut plot = plot(&[[1.0, 2.0], [2.0, 3.0]]);
        plot.series.retain(|it| it.name == "two");
        plot.series[0].look = Look::Tail(4);
        let figure = plot.figure().unwrap().unwrap().to_string();
        assert!(figure.contains("var(--series4)"), "{figure}");
    }

    #[test]
    fn labels_are_within_the_picture() {
        let axis = |what| Axis {
            what,
            unit: "",
            ticks: Ticks::Measured(|value| crate::numbers::bytes(value as u64)),
        };
        let points = [20, 24, 28].map(|bits| [f64::from(1 << bits), 1.0]);
        let plot = Plot {
            x: axis("size"),
            ..plot(&points)
        };
        let figure = plot.figure().unwrap().unwrap().to_string();
        let (before, _) = figure.split_once("\n256 MiB\n").expect(&figure);
        let (_, text) = before.rsplit_once("<text x=\"").unwrap();
        let middle: f64 = text.split('"').next().unwrap().parse().unwrap();
        let half = 0.5 * CHARACTER * "256 MiB".len() as f64;
        assert!(middle + half <= f64::from(WIDTH), "{middle} + {half}");
    }

    /// Of what a pointer is told.
    fn places(figure: &str, attribute: &str) -> Vec<u32> {
        let hints = figure.split("class=\"hint\"").skip(1);
        let values = hints.map(|it| it.split_once(&format!("{attribute}=\"")).unwrap().1);
        values
            .map(|it| it.split('"').next().unwrap().parse().unwrap())
            .collect()
    }

    #[test]
    fn points_are_within_the_frame() {
        let figure = drawn(&[[1e-6, 1e-9], [3.0, 1e-3]]).unwrap();
        let [x, y] = ["cx", "cy"].map(|it| places(&figure, it));
        assert!(LEFT < x[0] && x[0] < x[1] && x[1] < WIDTH, "{x:?}");
        assert!(0 < y[1] && y[1] < y[0] && y[0] < HEIGHT - BELOW, "{y:?}");
    }
}
