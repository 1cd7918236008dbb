//! Several variants for one node.

use super::Variant;
use crate::tensor::{Dim, Sizes};

/// Variants of which each run takes the one that suits its size.
///
/// They read the same bindings and give the same bits, so that which of them runs changes no result.
///
/// ```
/// use wgformer::graph::{Graph, Request};
/// use wgformer::tensor::{Dim, WeightType};
///
/// let mut graph = Graph::new();
/// let x = graph.input("x", [Dim::Tokens, Dim::Fixed(384)]);
/// let weight = graph.parameter("weight", [384, 384]);
/// graph.linear(x, weight, None)?;
///
/// let gpu = wgformer::Gpu::new()?;
/// let node = &graph.nodes()[0];
/// let request = Request::of(&graph, node, gpu.capabilities(), WeightType::F32);
/// for offer in node.operation.offers(&request) {
///     for (variant, most) in offer.variants().zip(offer.bounds()) {
///         println!("{variant} for up to {most} rows");
///     }
/// }
/// # Ok::<(), wgformer::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Offer {
    rows: Dim,
    by_rows: Vec<(usize, Variant)>,
}

impl Offer {
    /// Each variant is for at most so many of `rows`, the last one for any number. One whose bound is not above those
    /// before it is never taken, and left out.
    ///
    /// See [`Offer::rearranged`] for an example.
    ///
    /// # Panics
    /// If there is none.
    #[must_use]
    pub fn by_rows(rows: Dim, variants: Vec<(usize, Variant)>) -> Self {
        let count = variants.len();
        let mut by_rows: Vec<(usize, Variant)> = Vec::with_capacity(count);
        for (index, (most, variant)) in variants.into_iter().enumerate() {
            let most = if index + 1 == count { usize::MAX } else { most };
            if most > by_rows.last().map_or(0, |(most, _)| *most) {
                by_rows.push((most, variant));
            }
        }
        assert!(!by_rows.is_empty(), "an offer of nothing");
        Self { rows, by_rows }
    }

    /// All of them, those for the fewest rows first.
    pub fn variants(&self) -> impl ExactSizeIterator<Item = &Variant> {
        self.by_rows.iter().map(|(_, variant)| variant)
    }

    /// The most rows that each is for.
    pub fn bounds(&self) -> impl ExactSizeIterator<Item = usize> + '_ {
        self.by_rows.iter().map(|(most, _)| *most)
    }

    /// The place of the one for a run of these sizes.
    ///
    /// See [`Offer::rearranged`] for an example.
    #[must_use]
    pub fn place(&self, sizes: &Sizes) -> usize {
        let rows = self.rows.resolve(sizes);
        self.by_rows.partition_point(|(most, _)| *most < rows)
    }

    /// The one for the most rows; what all of them share can be asked of it.
    ///
    /// See [`Offer::rearranged`] for an example.
    #[must_use]
    pub fn largest(&self) -> &Variant {
        &self.by_rows[self.by_rows.len() - 1].1
    }

    /// Its variants by their names, each for at most so many rows, the last for any number; `None` if it lacks one.
    ///
    /// ```
    /// use wgformer::kernel::Offer;
    /// # use wgformer::{graph::{Graph, Request}, tensor::{Dim, Sizes, WeightType}};
    ///
    /// # let mut graph = Graph::new();
    /// # let x = graph.input("x", [Dim::Tokens, Dim::Fixed(384)]);
    /// # let weight = graph.parameter("weight", [384, 384]);
    /// # graph.linear(x, weight, None)?;
    /// # let gpu = wgformer::Gpu::new()?;
    /// # let request = Request::of(&graph, &graph.nodes()[0], gpu.capabilities(), WeightType::F32);
    /// # let offer = graph.nodes()[0].operation.offers(&request).remove(0);
    /// let large = offer.largest().to_string();
    /// let always = offer.rearranged(&[(None, &large)]).expect("it has its own");
    /// let named = offer.filtered(|variant| variant.to_string() == large).expect("it has its own");
    /// assert_eq!((always.variants().len(), named.variants().len()), (1, 1));
    ///
    /// let small = offer.variants().next().expect("at least one");
    /// let two = vec![(16, small.clone()), (usize::MAX, offer.largest().clone())];
    /// let two = Offer::by_rows(Dim::Tokens, two);
    /// assert_eq!(two.place(&Sizes::from_segments(&[0, 16])), 0); // 16 rows, which `small` takes
    /// # Ok::<(), wgformer::Error>(())
    /// ```
    #[must_use]
    pub fn rearranged(&self, bounds: &[(Option<usize>, &str)]) -> Option<Self> {
        let named = |name: &str| self.variants().find(|variant| variant.to_string() == name);
        let by_rows: Option<Vec<(usize, Variant)>> = bounds
            .iter()
            .map(|(most, name)| Some((most.unwrap_or(usize::MAX), named(name)?.clone())))
            .collect();
        by_rows
            .filter(|by_rows| !by_rows.is_empty())
            .map(|by_rows| Self::by_rows(self.rows, by_rows))
    }

    /// Only what `keep` says, for any number of rows; `None` if that is nothing.
    ///
    /// See [`Offer::rearranged`] for an example.
    #[must_use]
    pub fn filtered(&self, keep: impl Fn(&Variant) -> bool) -> Option<Self> {
        let kept = self.by_rows.iter().filter(|(_, variant)| keep(variant));
        let kept: Vec<_> = kept.cloned().collect();
        (!kept.is_empty()).then(|| Self::by_rows(self.rows, kept))
    }
}

impl From<Variant> for Offer {
    fn from(variant: Variant) -> Self {
        let whichever = Dim::Tokens; // there is no other variant to be told from
        Self::by_rows(whichever, vec![(usize::MAX, variant)])
    }
}
