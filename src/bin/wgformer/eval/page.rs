//! What was found, as a page: `--html`.

use anyhow::Result;
use wgformer::evaluation::Classification;

use super::report::{Found, Report, SCORES, score_rows};
use crate::html::markup::{Element, element};
use crate::html::{self, page_of, scrolling, table};
use crate::output::Output;

/// # Errors
/// If it cannot be written.
pub(super) fn write(output: Output, report: &Report) -> Result<()> {
    html::write(output, &page(report))
}

fn page(report: &Report) -> Element {
    let headlines = report.headlines().into_iter();
    let header = element("header")
        .child(element("h1").text("wgformer eval"))
        .children(headlines.map(|line| element("p").class("found").text(line)))
        .child(element("p").text(report.about()));
    let scores = report.scores().map(|(classes, averages)| {
        let rows = score_rows(classes, averages).into_iter().map(Vec::from);
        element("section")
            .child(element("h2").text("Scores"))
            .child(table(&SCORES, 1, rows))
    });
    let of = match report.found {
        Found::Tags(_) => "Confusion matrix of tokens",
        _ => "Confusion matrix",
    };
    let matrix = report.matrix().map(|found| {
        element("section")
            .child(element("h2").text(of))
            .child(matrix(found))
    });
    let main = element("main")
        .child(header)
        .children(matrix)
        .children(scores);
    let title = format!("wgformer eval: {}", report.model);
    page_of(title, include_str!("matrix.css"), main)
}

/// A row for each label that is right, a column for each that was predicted.
fn matrix(found: &Classification) -> Element {
    let labels = found.labels();
    let columns = labels.iter().map(|label| heading("col", label));
    let head = element("tr")
        .child(element("th").class("corner").text("true ↓ predicted →"))
        .children(columns);
    let rows = labels.iter().zip(&found.confusion);
    let rows = rows.map(|(truth, counts)| {
        let all: usize = counts.iter().sum();
        let cells = labels.iter().zip(counts);
        let cells = cells.map(|(predicted, count)| cell((*truth, *predicted), *count, all));
        element("tr").child(heading("row", truth)).children(cells)
    });
    let table = element("table")
        .class("matrix")
        .child(element("thead").child(head))
        .child(element("tbody").children(rows));
    let key = "How many of those whose true label is that of the row were given the label of the column. The stronger the colour, the larger is their part of the row; what has a frame is right.";
    element("figure")
        .child(scrolling(table))
        .child(element("figcaption").text(key))
}

/// A label may be longer than there is room for.
fn heading(scope: &str, label: &str) -> Element {
    element("th")
        .attribute("scope", scope)
        .attribute("title", label)
        .child(element("span").text(label))
}

/// Its colour says which part it is of all in its row.
fn cell((truth, predicted): (&str, &str), count: usize, all: usize) -> Element {
    let part = 100.0 * count as f64 / all.max(1) as f64;
    let title = format!("{truth} → {predicted}: {count}, {part:.1} % of its row");
    let cell = element("td")
        .attribute("style", format!("--part: {part:.1}%"))
        .attribute("title", title)
        .text(count);
    if truth == predicted {
        cell.class("right")
    } else {
        cell
    }
}

#[cfg(test)]
mod tests {
    use wgformer::evaluation::classification;

    use super::*;

    fn report(truth: &[&str], predicted: &[&str]) -> Report {
        Report {
            model: "<b>&".to_owned(),
            adapter: "\"quoted\"".to_owned(),
            data: "data.csv".to_owned(),
            texts: truth.len(),
            cut: 1,
            seconds: 2.0,
            texts_per_second: 1.5,
            found: Found::Labels(classification(truth, predicted).unwrap()),
        }
    }

    #[test]
    fn a_page_has_the_matrix_with_its_axes_and_needs_nothing_else() {
        let page = page(&report(&["<a>", "<a>", "b"], &["<a>", "b", "<a>"]));
        html::assert_whole(&page);
        let page = page.to_string();
        for part in [
            ">true ↓ predicted →</th>",
            "<th scope=\"col\" title=\"&lt;a&gt;\"><span>&lt;a&gt;</span></th>",
            "<th scope=\"row\" title=\"&lt;a&gt;\"><span>&lt;a&gt;</span></th>",
            "title=\"&lt;a&gt; → b: 1, 50.0 % of its row\"",
            "title=\"b → b: 0, 0.0 % of its row\"",
            "accuracy 0.333 of 3 texts",
            "1 of them cut",
            "on &quot;quoted&quot;",
            "weighted average",
        ] {
            assert!(page.contains(part), "no {part}: {page}");
        }
        assert_eq!(page.matches("--part: 50.0%").count(), 2);
        assert_eq!(page.matches("--part: 100.0%").count(), 1);
        assert_eq!(page.matches("class=\"right\"").count(), 2);
        assert!(!page.contains("<b>") && !page.contains("<a>"));
    }

    #[test]
    fn a_label_that_is_never_right_has_a_row_without_colour() {
        let page = page(&report(&["a", "a"], &["a", "b"]));
        html::assert_whole(&page);
        assert_eq!(page.to_string().matches("--part: 0.0%").count(), 2);
    }
}
