//! Two sides that were measured in turns: a bar for each thing, from as fast to how much faster or slower.
//!
//! The words are HTML around the bars, so that they wrap on a narrow screen.

use crate::bench::alternate::{Alternation, Ratio};
use crate::html::markup::{Element, element};
use crate::numbers::{percent, seconds};

pub(super) fn section(alternation: &Alternation) -> Element {
    let [one, other] = &alternation.sides;
    let ratios = || alternation.ratios.iter();
    let farthest = ratios().map(farthest).fold(f64::MIN_POSITIVE, f64::max);
    let bars = ratios().map(|ratio| {
        element("li")
            .child(element("span").text(ratio.title()))
            .child(element("span").class("value").text(value(ratio)))
            .child(bar(ratio, farthest))
    });
    let skipped = alternation.skipped.iter();
    let skipped = skipped.map(|it| {
        element("p")
            .class("missing")
            .text(format!("left out: {it}"))
    });
    let figure = element("figure")
        .child(element("h3").text("Time of B over that of A"))
        .child(element("ul").class("bars").children(bars))
        .child(element("figcaption").text(format!(
            "To the left of the line B is faster, to the right slower, on a logarithmic scale that ends at {:.2} times. \
             The whisker is as long as the spread of neighbours' ratios.",
            farthest.exp()
        )));
    element("section")
        .child(element("h2").text("In turns"))
        .child(element("p").text(format!("A: {one}")))
        .child(element("p").text(format!("B: {other}")))
        .children((!alternation.ratios.is_empty()).then_some(figure))
        .children(skipped)
}

fn value(ratio: &Ratio) -> String {
    let [a, b] = ratio.times.map(|time| seconds(time.median));
    let Ratio { ratio, .. } = ratio;
    format!(
        "{:.3} ± {} ({b} over {a})",
        ratio.median,
        percent(ratio.spread)
    )
}

/// The ends of the whisker, as logarithms.
fn ends(ratio: &Ratio) -> [f64; 2] {
    let half = 0.5 * ratio.ratio.spread;
    [1.0 - half, 1.0 + half].map(|it| (ratio.ratio.median * it.max(0.01)).ln())
}

fn farthest(ratio: &Ratio) -> f64 {
    ends(ratio).into_iter().map(f64::abs).fold(0.0, f64::max)
}

/// Of a hundred, 1 in the middle.
fn bar(ratio: &Ratio, farthest: f64) -> Element {
    let place = |log: f64| 50.0 + 50.0 * log / farthest;
    let path = |class, path: String| element("path").class(class).attribute("d", path);
    let middle = place(ratio.ratio.median.ln());
    let [low, high] = ends(ratio).map(place);
    element("svg")
        .attribute("viewBox", "0 0 100 10")
        .attribute("preserveAspectRatio", "none")
        .attribute("aria-hidden", "true")
        .child(
            element("rect")
                .class("bar")
                .attribute("x", format!("{:.2}", middle.min(50.0)))
                .attribute("width", format!("{:.2}", (middle - 50.0).abs()))
                .attribute("height", 10),
        )
        .child(path("whisker", format!("M{low:.2},5 H{high:.2}")))
        .child(path("reference", "M50,0 V10".to_owned()))
}
