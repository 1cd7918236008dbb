//! Pages that need nothing else to be read: nothing is fetched, and no script runs.

pub(crate) mod markup;

use markup::{Element, element};

/// Whatever is in a page.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page of what is in `main`, by the program's own style sheet and `style`.
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
