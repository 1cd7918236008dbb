//! The weights as a page: a table whose cells are the darker, or by night the brighter, the larger a weight is.

use anyhow::{Result, anyhow};

use super::Shown;
use crate::html;
use crate::html::markup::{Element, element};
use crate::output::Output;

/// A page of more cells than this squared is nothing to look at.
const MOST_TOKENS: usize = 128;

/// # Errors
/// For a text of more tokens than can be looked at.
pub(super) fn write(output: Output, shown: &Shown<'_>) -> Result<()> {
    let tokens = shown.tokens.len();
    if tokens > MOST_TOKENS {
        return Err(anyhow!(
            "the text has {tokens} tokens, and a heat map shows at most {MOST_TOKENS}: shorten it, or take --json"
        ));
    }
    html::write(output, &page(shown))
}

fn page(shown: &Shown<'_>) -> Element {
    let largest = shown.weights.iter().copied().fold(0.0, f32::max);
    let main = element("main")
        .child(summary(shown))
        .child(
            element("figure")
                .child(scale(largest))
                .child(element("div").class("scrolling").child(table(shown, largest)))
                .child(element("figcaption").text("A row is a token that attends (a query), a column one that is attended to (a key). A cell is the share of what the row's token takes up that comes from the column's; a row adds up to 1.")),
        );
    html::page_of(shown.title(), include_str!("heat_map.css"), main)
}

fn summary(shown: &Shown<'_>) -> Element {
    let about = format!(
        "{}, {} tokens; layers are 0 to {}, heads 0 to {}.",
        shown.arguments.model.model,
        shown.tokens.len(),
        shown.layers.saturating_sub(1),
        shown.heads.saturating_sub(1),
    );
    let texts = [&shown.arguments.text, &shown.arguments.pair];
    let texts = texts.into_iter().flatten();
    element("header")
        .child(element("h1").text(shown.title()))
        .child(element("p").text(about))
        .children(texts.map(|text| element("p").class("read").text(text)))
}

/// What a colour stands for.
fn scale(largest: f32) -> Element {
    element("div")
        .class("scale")
        .child(element("span").text("attention weight (no unit)"))
        .child(element("span").text("0"))
        .child(element("span").class("ramp"))
        .child(element("span").text(format!("{largest:.2}")))
}

fn table(shown: &Shown<'_>, largest: f32) -> Element {
    let keys = shown.tokens.iter();
    let keys = keys.map(|it| element("th").child(element("span").text(&it.token)));
    let header = element("tr")
        .child(element("th").class("corner").text("query ↓ key →"))
        .children(keys);
    let rows = shown.rows().map(|(query, weights)| {
        let cells = weights.iter().zip(shown.tokens);
        let cells = cells.map(|(weight, key)| {
            let share = weight / largest.max(f32::MIN_POSITIVE);
            let title = format!("{} attends to {}: {weight:.4}", query.token, key.token);
            element("td")
                .class(shade(share))
                .attribute("style", format!("--share:{:.1}%", 100.0 * share))
                .attribute("title", title)
                .text(format!("{weight:.2}"))
        });
        element("tr")
            .child(element("th").text(&query.token))
            .children(cells)
    });
    element("table").child(header).children(rows)
}

/// On which of these grounds letters are light and on which dark, the style sheet knows.
fn shade(share: f32) -> &'static str {
    match share {
        share if share < 0.6 => "low",
        share if share < 0.9 => "middle",
        _ => "high",
    }
}
