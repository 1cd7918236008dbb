//! Elements of HTML and of SVG within it: what is written is balanced and escaped by construction.

use std::fmt;

/// An element with its attributes and what is in it.
pub(crate) struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    children: Vec<Child>,
}

enum Child {
    Element(Element),
    Text(String),
    /// Of the program's own: style sheets know no escapes.
    Raw(&'static str),
}

/// It has no end.
const VOID: &str = "meta";

pub(crate) fn element(name: &'static str) -> Element {
    Element {
        name,
        attributes: vec![],
        children: vec![],
    }
}

impl Element {
    pub(crate) fn attribute(mut self, name: &'static str, value: impl ToString) -> Self {
        self.attributes.push((name, value.to_string()));
        self
    }

    pub(crate) fn class(self, class: impl ToString) -> Self {
        self.attribute("class", class)
    }

    pub(crate) fn text(mut self, text: impl ToString) -> Self {
        self.children.push(Child::Text(text.to_string()));
        self
    }

    pub(crate) fn raw(mut self, text: &'static str) -> Self {
        self.children.push(Child::Raw(text));
        self
    }

    pub(crate) fn child(mut self, child: Element) -> Self {
        self.children.push(Child::Element(child));
        self
    }

    pub(crate) fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children
            .extend(children.into_iter().map(Child::Element));
        self
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{}", self.name)?;
        for (name, value) in &self.attributes {
            write!(f, " {name}=\"{}\"", escaped(value))?;
        }
        write!(f, ">")?;
        for child in &self.children {
            match child {
                Child::Element(element) => write!(f, "{element}")?,
                Child::Text(text) => write!(f, "{}", escaped(text))?,
                Child::Raw(text) => write!(f, "{text}")?,
            }
        }
        if self.name == VOID {
            return Ok(());
        }
        // A line each, for whoever compares two pages.
        let end = if self.is_block() { "\n" } else { "" };
        write!(f, "</{}>{end}", self.name)
    }
}

impl Element {
    fn is_block(&self) -> bool {
        !["b", "span", "td", "th"].contains(&self.name)
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            character => escaped.push(character),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_values_stay_what_they_are() {
        let paragraph = element("p")
            .attribute("title", "\"<&")
            .text("a < b & c")
            .child(element("b").text("</p>"))
            .child(element("meta"));
        assert_eq!(
            paragraph.to_string(),
            "<p title=\"&quot;&lt;&amp;\">a &lt; b &amp; c<b>&lt;/p&gt;</b><meta></p>\n"
        );
    }
}
