//! A bar for each kernel that ran a size: how fast it is beside the others, the roof and the reference.
//!
//! The words are HTML around the bars, so that they wrap on a narrow screen.

use crate::bench::kernels::Kernel;
use crate::bench::samples::is_product;
use crate::html::markup::{Element, element};
use crate::numbers::{percent, rate};

/// How to read them.
pub(super) fn key() -> Element {
    let key = |class, path| {
        element("svg")
            .class("key")
            .attribute("viewBox", "0 0 34 14")
            .attribute("aria-hidden", "true")
            .child(element("path").class(class).attribute("d", path))
    };
    let item = |key: Option<Element>, text: &str| {
        element("li")
            .children(key)
            .child(element("span").text(text))
    };
    element("ul").class("legend").children([
        item(
            Some(key("whisker", "M6,7 H28")),
            "spread between the quartiles",
        ),
        item(
            Some(key("reference", "M17,0 V14")),
            "what it is compared with: for a product the reference, otherwise the operation's plain kernel",
        ),
        item(None, "%: of what arithmetic and memory allow"),
    ])
}

/// More are in the table alone.
const MOST: usize = 10;

/// `kernels`: of one size, the fastest first; `reference`: what the textbook's product does a second.
pub(super) fn of_size(kernels: &[&Kernel], reference: f64) -> Element {
    let first = kernels[0];
    let line = Line::of(kernels, reference);
    let longest = line.iter().map(|it| it.speed).fold(speed(first), f64::max);
    let at = line.as_ref().map(|it| 100.0 * it.speed / longest);
    let bars = kernels.iter().take(MOST).map(|kernel| {
        element("li")
            .child(
                element("span")
                    .text(format!("{} ", kernel.kernel))
                    .child(element("span").class("variant").text(&kernel.variant)),
            )
            .child(element("span").class("value").text(value(kernel)))
            .child(bar(kernel, longest, at))
    });
    let left = kernels.len().saturating_sub(MOST);
    let left = (left > 0).then(|| format!("{left} that are slower are in the table alone."));
    let line = line.map(|it| format!("The line: {}, {}.", it.name, words(first, it.speed)));
    let notes: Vec<String> = line.into_iter().chain(left).collect();
    let note = (!notes.is_empty()).then(|| element("figcaption").text(notes.join(" ")));
    element("figure")
        .child(element("h3").text(&first.size))
        .child(element("ul").class("bars").children(bars))
        .children(note)
}

/// Arithmetic where there is any, bytes otherwise, a second.
fn speed(kernel: &Kernel) -> f64 {
    kernel.flops_per_second.unwrap_or(kernel.bytes_per_second)
}

/// Of a kernel like this one.
fn words(kernel: &Kernel, speed: f64) -> String {
    let unit = kernel.flops_per_second.map_or("B/s", |_| "FLOP/s");
    rate(speed, unit)
}

fn value(kernel: &Kernel) -> String {
    let speed = words(kernel, speed(kernel));
    format!("{speed}, {}", percent(kernel.of_roof))
}

/// Across the bars: what the kernels are compared with.
struct Line {
    name: String,
    speed: f64,
}

impl Line {
    /// `None` if that was not timed.
    fn of(kernels: &[&Kernel], reference: f64) -> Option<Self> {
        if is_product(&kernels[0].operation) {
            let name = "the reference product".to_owned();
            return Some(Self {
                name,
                speed: reference,
            });
        }
        let plain = kernels.iter().find(|it| it.is_plain())?;
        Some(Self {
            name: format!("plain {}", plain.kernel),
            speed: speed(plain),
        })
    }
}

/// Its length, a whisker as long as the spread, and where the reference is, all of a hundred.
fn bar(kernel: &Kernel, longest: f64, reference: Option<f64>) -> Element {
    let length = 100.0 * speed(kernel) / longest;
    let half = 0.5 * kernel.time.spread * length;
    let path = |class, path: String| element("path").class(class).attribute("d", path);
    let whisker = format!(
        "M{:.2},5 H{:.2}",
        (length - half).max(0.0),
        (length + half).min(100.0)
    );
    element("svg")
        .attribute("viewBox", "0 0 100 10")
        .attribute("preserveAspectRatio", "none")
        .attribute("aria-hidden", "true")
        .child(
            element("rect")
                .class("bar")
                .attribute("width", format!("{length:.2}"))
                .attribute("height", 10),
        )
        .child(path("whisker", whisker))
        .children(reference.map(|it| path("reference", format!("M{it:.2},0 V10"))))
}
