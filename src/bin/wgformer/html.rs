//! Pages that need nothing else to be read: no script, nothing fetched, in light and in dark.

pub(crate) mod markup;

use std::io::Write;

use anyhow::Result;

use crate::output::Output;
use markup::{Element, element};

/// Whatever a page says, nothing is fetched, and no script runs.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// # Errors
/// If it cannot be written.
pub(crate) fn write(mut output: Output, page: &Element) -> Result<()> {
    write!(output, "<!DOCTYPE html>\n{page}")?;
    output.finish()
}

/// A page with the house's style, and what this one adds to it.
pub(crate) fn page_of(title: impl ToString, style: &'static str, main: Element) -> Element {
    let meta = |name, content| {
        element("meta")
            .attribute("name", name)
            .attribute("content", content)
    };
    let policy = element("meta")
        .attribute("http-equiv", "Content-Security-Policy")
        .attribute("content", POLICY);
    let style = element("style")
        .raw(include_str!("html/base.css"))
        .raw("\n")
        .raw(style);
    let head = element("head")
        .child(element("meta").attribute("charset", "utf-8"))
        .child(policy)
        .child(meta("viewport", "width=device-width, initial-scale=1"))
        .child(meta("color-scheme", "light dark"))
        .child(element("title").text(title))
        .child(style);
    element("html")
        .attribute("lang", "en")
        .child(head)
        .child(element("body").child(main))
}

/// The first columns are words, the others numbers; it scrolls within itself where a screen is narrow.
pub(crate) fn table(
    header: &[&str],
    words: usize,
    rows: impl IntoIterator<Item = Vec<String>>,
) -> Element {
    let cell = |name, place: usize, text: &str| {
        let cell = element(name).text(text);
        if place < words {
            cell
        } else {
            cell.class("number")
        }
    };
    let row = |name, cells: &[&str]| {
        let cells = cells.iter().enumerate();
        let cells = cells.map(|(place, text)| cell(name, place, text));
        element("tr").children(cells.collect::<Vec<_>>())
    };
    let rows = rows.into_iter().map(|cells| {
        let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
        row("td", &cells)
    });
    let table = element("table")
        .child(element("thead").child(row("th", header)))
        .child(element("tbody").children(rows));
    scrolling(table)
}

/// What is wider than a screen scrolls within itself.
pub(crate) fn scrolling(content: Element) -> Element {
    // Whoever has no pointer can scroll what has the focus.
    element("div")
        .class("scrolling")
        .attribute("tabindex", 0)
        .child(content)
}

/// For tests of pages: every element ends where it must, those without an end have none, and nothing is fetched.
#[cfg(test)]
pub(crate) fn assert_whole(page: &Element) {
    let page = format!("<!DOCTYPE html>\n{page}");
    let mut open: Vec<&str> = vec![];
    for tag in page.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        if tag.ends_with('/') {
            continue;
        }
        match tag.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None => open.push(tag.split(' ').next().unwrap()),
        }
        if ["!DOCTYPE", "meta"].contains(open.last().unwrap_or(&"")) {
            open.pop();
        }
    }
    assert_eq!(open, [""; 0]);
    for outside in [
        "http:", "https:", "//", "url(", "@import", "src=", "href=", "<script",
    ] {
        assert!(!page.contains(outside), "{outside}");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}
