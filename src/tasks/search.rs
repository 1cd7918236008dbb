/// A vector and how near it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    /// Its place among the vectors, counted from 0.
    pub index: usize,
    /// Its cosine with the query: 1 for the same direction.
    pub score: f32,
}

/// The `top` vectors nearest to `query` by cosine, nearest first; of two equally near ones the earlier first.
///
/// `query`: `[hidden]`; `vectors`: `[hidden]` each, of any length other than 0.
#[must_use]
pub fn rank(query: &[f32], vectors: &[Vec<f32>], top: usize) -> Vec<Hit> {
    let hit = |(index, vector): (usize, &Vec<f32>)| Hit {
        index,
        score: cosine(query, vector),
    };
    let mut hits: Vec<Hit> = vectors.iter().enumerate().map(hit).collect();
    hits.sort_by(|a, b| b.score.total_cmp(&a.score)); // stable
    hits.truncate(top);
    hits
}

/// The cosine of the angle between two vectors of one length; 0 if either is all zeros.
#[must_use]
pub fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| {
        a.iter()
            .zip(b)
            .map(|(a, b)| f64::from(*a) * f64::from(*b))
            .sum::<f64>()
    };
    let length = (dot(a, a) * dot(b, b)).sqrt();
    #[expect(clippy::cast_possible_truncation, reason = "between -1 and 1")]
    let cosine = if length > 0.0 {
        (dot(a, b) / length) as f32
    } else {
        0.0
    };
    cosine
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_comes_first_whatever_its_length() {
        let vectors = [
            vec![0.0, 1.0],
            vec![0.0, 0.0],
            vec![5.0, 5.0],
            vec![-1.0, 0.0],
        ];
        let hits = rank(&[2.0, 0.0], &vectors, 3);
        assert_eq!(
            hits.iter().map(|hit| hit.index).collect::<Vec<_>>(),
            [2, 0, 1]
        );
        assert!((hits[0].score - 0.5_f32.sqrt()).abs() < 1e-6);
    }
}
