//! Is the case table sharp enough? Each mutation makes one shader wrong in one place; some case must notice.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a test's report")]

use std::collections::BTreeSet;
use std::num::NonZero;
use std::sync::Mutex;
use std::thread;

use super::check::{Candidate, candidates, expected, run};
use super::comparison::Comparison;
use super::{Case, Recipe, cases};
use crate::error::Error;
use crate::gpu::Gpu;
use crate::kernel::Kernel;
use crate::ops::KERNELS;

/// What is done to a shader: every occurrence of a text is replaced. No mutant may index past the end of a buffer,
/// since kernels run without the driver's checks; past the end of a result there is room for a few rows
/// ([`Candidate::plan`]).
#[derive(Clone, Copy)]
struct Mutation {
    kernel: &'static str,
    what: &'static str,
    from: &'static str,
    to: &'static str,
}

const fn mutation(
    kernel: &'static str,
    what: &'static str,
    from: &'static str,
    to: &'static str,
) -> Mutation {
    Mutation {
        kernel,
        what,
        from,
        to,
    }
}

/// All of them: the kernels for cooperative matrices of 16 x 16 have the text of those for 8 x 8 (`tests/shaders/` holds
/// them to it), and so their mutations.
fn mutations() -> Vec<Mutation> {
    let twins = KERNELS.iter().flat_map(|kernel| {
        let of = kernel.name.replace("_cooperative_16", "_cooperative_8");
        let is_twin = of != kernel.name;
        let same = MUTATIONS
            .iter()
            .filter(move |it| is_twin && it.kernel == of);
        same.map(|it| Mutation {
            kernel: kernel.name,
            ..*it
        })
    });
    MUTATIONS.iter().copied().chain(twins).collect()
}

#[rustfmt::skip]
const MUTATIONS: &[Mutation] = &[
    mutation("add", "subtracts", "a[i] + b[i]", "a[i] - b[i]"),
    mutation("add", "drops the last element", "i < params.count", "i + 1u < params.count"),
    mutation("add", "writes one element past the end", "i < params.count", "i <= params.count"),
    mutation("add", "workgroups overlap by one", "* WORKGROUP_SIZE + lane", "* (WORKGROUP_SIZE - 1u) + lane"),

    mutation("activation", "misses the half", "0.5 * v", "v"),
    mutation("activation", "drops the last element", "i < params.count", "i + 1u < params.count"),
    mutation("activation", "writes one element past the end", "i < params.count", "i <= params.count"),
    mutation("activation", "workgroups overlap by one", "* WORKGROUP_SIZE + lane", "* (WORKGROUP_SIZE - 1u) + lane"),
    mutation("activation", "takes small positive values for negative ones", "v > 0.0", "v > 1.0"),
    mutation("activation", "clamps the polynomial too early", "min(z, 4.25)", "min(z, 3.25)"),
    mutation("activation", "takes the tanh form for another", "case 2u", "case 7u"),
    mutation("activation", "takes silu for the identity", "case 3u", "case 7u"),
    mutation("activation", "takes relu for the identity", "case 4u", "case 7u"),
    mutation("activation", "takes tanh for the identity", "case 5u", "case 7u"),
    mutation("activation", "forgets the cube", "fma(0.044715 * v, v, 1.0)", "1.0"),
    mutation("activation", "takes sigmoid of negative values for that of positive ones", "select(1.0, e, v < 0.0)", "1.0"),

    mutation("multiply", "adds", "a[i] * b[i]", "a[i] + b[i]"),
    mutation("multiply", "drops the last element", "i < params.count", "i + 1u < params.count"),
    mutation("multiply", "writes one element past the end", "i < params.count", "i <= params.count"),
    mutation("multiply", "workgroups overlap by one", "* WORKGROUP_SIZE + lane", "* (WORKGROUP_SIZE - 1u) + lane"),

    mutation("normalize", "a row begins one element too early", "row * params.cols", "row * (params.cols - 1u)"),
    mutation("normalize", "does not divide by the length", " * scale;", ";"),
    mutation("normalize", "divides by the square", "max(sqrt(reduce_sum(squares, lane)), 1e-12)", "max(reduce_sum(squares, lane), 1e-12)"),
    mutation("normalize", "sums some of the lanes only", "sum += partial[i * GROUPS + lane % GROUPS];", "sum = partial[i * GROUPS + lane % GROUPS];"),
    mutation("normalize", "leaves the last column out of the sum", "squares = fma", "if c + 1u < params.cols { continue; } squares = fma"),
    mutation("normalize", "every row is the first", "let start = row * params.cols", "let start = 0u * row"),

    mutation("normalize_texture", "does not divide by the length", "vec2(c4, row)) * scale", "vec2(c4, row))"),
    mutation("normalize_texture", "leaves a column of four out of the sum", "(squares.z + squares.w)", "squares.z"),
    mutation("normalize_texture", "drops the last vector", "params.cols / 4u", "(params.cols - 1u) / 4u"),
    mutation("normalize_texture", "reads the first row only", "let v = textureLoad(x, vec2(c4, row));", "let v = textureLoad(x, vec2(c4, 0u));"),

    mutation("max_sim", "takes the last row's score for the maximum", "maximum = max(maximum, scores[r])", "maximum = scores[r]"),
    mutation("max_sim", "counts a row past the end", "4u * row_group + r < end", "4u * row_group + r <= end"),
    mutation("max_sim", "takes the first lane's maximum", "largest[query_group * GROUPS + g]", "largest[query_group * GROUPS]"),
    mutation("max_sim", "forgets the queries of tiles before", "sum += maximum;", "sum = maximum;"),
    mutation("max_sim", "leaves one of four queries out", "(four.z + four.w)", "four.z"),
    mutation("max_sim", "leaves the last columns out", "first < params.cols; first += DEPTH", "first + DEPTH < params.cols; first += DEPTH"),
    mutation("max_sim", "a sequence without rows has something", "select(total, 0.0, start == end)", "total"),
    mutation("max_sim", "every query is the first", "queries[query * params.cols + c]", "queries[c]"),

    mutation("softmax", "takes the first element for the maximum", "local_max = max(local_max, x[start + c]);", "local_max = x[start];"),
    mutation("softmax", "a row begins one element too early", "row * params.cols", "row * (params.cols - 1u)"),
    mutation("softmax", "leaves the last column out of the sum", "local_sum += exp", "if c + 1u < params.cols { continue; } local_sum += exp"),
    mutation("softmax", "does not divide by the sum", " * scale;", ";"),
    mutation("softmax", "sums some of the lanes only", "sum += partial[i * GROUPS + lane % GROUPS];", "sum = partial[i * GROUPS + lane % GROUPS];"),

    mutation("softmax_subgroup", "takes the first vector for the maximum", "local_max = max(local_max, values[i]);", "local_max = max(local_max, x[start]);"),
    mutation("softmax_subgroup", "takes some of the lanes for the maximum", "step < LANES; step *= 2u) { largest", "2u * step < LANES; step *= 2u) { largest"),
    mutation("softmax_subgroup", "every subgroup has the workgroup's first row", "* ROWS + subgroup", "* ROWS"),
    mutation("softmax_subgroup", "drops the last vector", "| (c4 < width)", "| (c4 + 1u < width)"),
    mutation("softmax_subgroup", "leaves a column of four out of the sum", "(local_sum.z + local_sum.w)", "local_sum.z"),
    mutation("softmax_subgroup", "sums some of the lanes only", "step < LANES; step *= 2u) { sum", "2u * step < LANES; step *= 2u) { sum"),
    mutation("softmax_subgroup", "does not divide by the sum", "values[i] * scale;", "values[i];"),
    mutation("softmax_subgroup", "writes one row past the end", "row < params.rows", "row <= params.rows"),

    mutation("softmax_vec4", "takes the first vector for the maximum", "local_max = max(local_max, values[i]);", "local_max = max(local_max, x[start]);"),
    mutation("softmax_vec4", "a row begins one vector too early", "row * width", "row * (width - 1u)"),
    mutation("softmax_vec4", "leaves a column of four out of the sum", "(local_sum.z + local_sum.w)", "local_sum.z"),
    mutation("softmax_vec4", "does not divide by the sum", "values[i] * scale;", "values[i];"),
    mutation("softmax_vec4", "sums the first group of lanes only", "{ sum += group_partial[i]; }", "{ sum = group_partial[0]; }"),

    mutation("top_k", "takes the k smallest", "select(bits | 0x80000000u, ~bits,", "select(~bits, bits | 0x80000000u,"),
    mutation("top_k", "takes integers' order for that of negative scores", "select(bits | 0x80000000u, ~bits,", "select(bits | 0x80000000u, bits & 0x7fffffffu,"),
    mutation("top_k", "forgets the best before", "if params.best == 1u { return best[2u", "if params.best == 2u { return best[2u"),
    mutation("top_k", "every place is the column's", "f32(params.first + candidate", "f32(candidate"),
    mutation("top_k", "counts a column that does not", "params.k + params.count", "params.k + params.cols"),
    mutation("top_k", "a row begins one element too early", "row * params.cols", "row * (params.cols - 1u)"),
    mutation("top_k", "finds three of four digits", "digit < 4u", "digit < 3u"),
    mutation("top_k", "takes the later of equals", "min(earlier.y, left)", "min(0u, left)"),
    mutation("top_k", "leaves equals out", "key == found) & (ties > 0u)", "key == found) & (ties > params.k)"),
    mutation("top_k", "each lane writes over the one before", "taken[lane] - own", "own - own"),
    mutation("top_k", "bars all that is no better than the first of the best", "bar = min(bar, score_of(row, i));", "bar = score_of(row, 0u);"),

    mutation("top_k_texture", "takes the k smallest", "select(bits | 0x80000000u, ~bits,", "select(~bits, bits | 0x80000000u,"),
    mutation("top_k_texture", "takes integers' order for that of negative scores", "select(bits | 0x80000000u, ~bits,", "select(bits | 0x80000000u, bits & 0x7fffffffu,"),
    mutation("top_k_texture", "forgets the best before", "if params.best == 1u { return best[2u", "if params.best == 2u { return best[2u"),
    mutation("top_k_texture", "every place is the column's", "f32(params.first + 4u", "f32(4u"),
    mutation("top_k_texture", "counts columns that do not", "4u * c4 + i < params.count", "4u * c4 + i < params.cols"),
    mutation("top_k_texture", "reads the first row only", "vec2(c4, row)", "vec2(c4, 0u)"),
    mutation("top_k_texture", "drops the last vector", "(params.count + 3u) / 4u;", "params.count / 4u;"),
    mutation("top_k_texture", "looks at the first of four scores", "any(textureLoad(scores, vec2(next, row)) > vec4(bar))", "textureLoad(scores, vec2(next, row)).x > bar"),
    mutation("top_k_texture", "finds three of four digits", "digit < 4u", "digit < 3u"),
    mutation("top_k_texture", "leaves equals out", "key == found) & (left > 0u)", "key == found) & (left > params.k)"),
    mutation("top_k_texture", "bars all that is no better than the first of the best", "bar = min(bar, best_score(row, i));", ""),

    mutation("layer_norm", "a row begins one element too early", "row * params.cols", "row * (params.cols - 1u)"),
    mutation("layer_norm", "drops the last column", "if c < params.cols {\n                let normal", "if c + 1u < params.cols {\n                let normal"),
    mutation("layer_norm", "does not divide by the deviation", "(values[i] - mean) * scale", "values[i] - mean"),
    mutation("layer_norm", "takes the variance about zero", "let centred = values[i] - mean", "let centred = values[i]"),
    mutation("layer_norm", "forgets the residual", "values[i] += residual[start + c];", ""),
    mutation("layer_norm", "forgets eps", "variance + params.eps", "variance"),
    mutation("layer_norm", "takes the weight for the bias", "weight_bias[params.cols + c]", "weight_bias[c]"),
    mutation("layer_norm", "takes the mean away in RMS norm too", "if RMS == 0u { mean", "if RMS < 2u { mean"),
    mutation("layer_norm", "does RMS norm for layer norm", "RMS == 0u", "RMS > 1u"),

    mutation("layer_norm_subgroup", "every subgroup has the workgroup's first row", "* ROWS + subgroup", "* ROWS"),
    mutation("layer_norm_subgroup", "a row begins one vector too early", "row * width", "row * (width - 1u)"),
    mutation("layer_norm_subgroup", "drops the last vector", "| (c4 < width)", "| (c4 + 1u < width)"),
    mutation("layer_norm_subgroup", "sums some of the lanes only", "step < LANES", "2u * step < LANES"),
    mutation("layer_norm_subgroup", "does not divide by the deviation", "(values[i] - mean) * scale", "values[i] - mean"),
    mutation("layer_norm_subgroup", "takes the variance about zero", "let centred = values[i] - mean", "let centred = values[i]"),
    mutation("layer_norm_subgroup", "forgets the residual", "values[i] += residual[start + c4];", ""),
    mutation("layer_norm_subgroup", "takes the weight for the bias", "weight_bias[width + c4]", "weight_bias[c4]"),
    mutation("layer_norm_subgroup", "sums three of four columns", "(v.z + v.w)", "v.z"),
    mutation("layer_norm_subgroup", "writes one row past the end", "row < params.rows", "row <= params.rows"),
    mutation("layer_norm_subgroup", "takes the mean away in RMS norm too", "if RMS == 0u { mean", "if RMS < 2u { mean"),
    mutation("layer_norm_subgroup", "does RMS norm for layer norm", "RMS == 0u", "RMS > 1u"),

    mutation("layer_norm_texture", "reads the first row only", "textureLoad(x, vec2(c4, row))", "textureLoad(x, vec2(c4, 0u))"),
    mutation("layer_norm_texture", "drops the last vector", "c4 < width", "c4 + 1u < width"),
    mutation("layer_norm_texture", "does not divide by the deviation", "(value_at(c4, row) - mean) * scale", "value_at(c4, row) - mean"),
    mutation("layer_norm_texture", "takes the variance about zero", "let centred = value_at(c4, row) - mean", "let centred = value_at(c4, row)"),
    mutation("layer_norm_texture", "forgets the residual", "v += textureLoad(residual, vec2(c4, row));", ""),
    mutation("layer_norm_texture", "takes the weight for the bias", "vec2(c4, 1u)", "vec2(c4, 0u)"),
    mutation("layer_norm_texture", "sums three of four columns", "(v.z + v.w)", "v.z"),
    mutation("layer_norm_texture", "takes the mean away in RMS norm too", "if RMS == 0u {\n            var sums", "if RMS < 2u {\n            var sums"),
    mutation("layer_norm_texture", "does RMS norm for layer norm", "RMS == 0u", "RMS > 1u"),

    mutation("layer_norm_vec4", "a row begins one vector too early", "row * width", "row * (width - 1u)"),
    mutation("layer_norm_vec4", "drops the last vector", "| (c4 < width)", "| (c4 + 1u < width)"),
    mutation("layer_norm_vec4", "does not divide by the deviation", "(values[i] - mean) * scale", "values[i] - mean"),
    mutation("layer_norm_vec4", "takes the variance about zero", "let centred = values[i] - mean", "let centred = values[i]"),
    mutation("layer_norm_vec4", "forgets the residual", "values[i] += residual[start + c4];", ""),
    mutation("layer_norm_vec4", "sums three of four columns", "(v.z + v.w)", "v.z"),
    mutation("layer_norm_vec4", "takes the mean away in RMS norm too", "if RMS == 0u { mean", "if RMS < 2u { mean"),
    mutation("layer_norm_vec4", "does RMS norm for layer norm", "RMS == 0u", "RMS > 1u"),

    mutation("embedding_sum", "a word's row begins too early", "indices[token] * hidden", "indices[token] * (hidden - 1u)"),
    mutation("embedding_sum", "forgets the position", " + small[position_start + c]", ""),
    mutation("embedding_sum", "looks types up among the positions", "params.max_positions + indices[2u", "indices[2u"),
    mutation("embedding_sum", "takes positions for types", "2u * params.tokens", "params.tokens"),
    mutation("embedding_sum", "drops the last column", "if c < hidden { y[", "if c + 1u < hidden { y["),
    mutation("embedding_sum", "does not normalise", "NORM == 1u", "NORM == 2u"),
    mutation("embedding_sum", "does not divide by the deviation", "(values[i] - mean) * scale", "values[i] - mean"),
    mutation("embedding_sum", "reads the first of two f16", "[element % 2u]", "[0u]"),

    mutation("embedding_sum_texture", "a word's row begins too early", "indices[token] * width", "indices[token] * (width - 1u)"),
    mutation("embedding_sum_texture", "forgets the position", "+ textureLoad(small, vec2(c4, rows.position))", ""),
    mutation("embedding_sum_texture", "looks types up among the positions", "params.max_positions + indices[2u", "indices[2u"),
    mutation("embedding_sum_texture", "takes positions for types", "2u * params.tokens", "params.tokens"),
    mutation("embedding_sum_texture", "drops the last vector", "c4 < width", "c4 + 1u < width"),
    mutation("embedding_sum_texture", "does not divide by the deviation", "(value - mean) * scale", "value - mean"),
    mutation("embedding_sum_texture", "does not normalise", "NORM == 1u", "NORM == 2u"),
    mutation("embedding_sum_texture", "reads the first of two pairs of f16", "unpack2x16float(word[vector].y)", "unpack2x16float(word[vector].x)"),

    mutation("embedding_sum_vec4", "a word's row begins too early", "indices[token] * width", "indices[token] * (width - 1u)"),
    mutation("embedding_sum_vec4", "forgets the position", " + small[position_start + c4]", ""),
    mutation("embedding_sum_vec4", "looks types up among the positions", "params.max_positions + indices[2u", "indices[2u"),
    mutation("embedding_sum_vec4", "takes positions for types", "2u * params.tokens", "params.tokens"),
    mutation("embedding_sum_vec4", "drops the last vector", "| (c4 < width)", "| (c4 + 1u < width)"),
    mutation("embedding_sum_vec4", "does not normalise", "NORM == 1u", "NORM == 2u"),
    mutation("embedding_sum_vec4", "does not divide by the deviation", "(values[i] - mean) * scale", "values[i] - mean"),
    mutation("embedding_sum_vec4", "reads the first of two pairs of f16", "unpack2x16float(word[vector].y)", "unpack2x16float(word[vector].x)"),

    mutation("pool", "takes the first row for the maximum", "values[i] = max(values[i], next);", ""),
    mutation("pool", "does not divide by the count", "values[i] /= divisor_of(end - start);", ""),
    mutation("pool", "divides by no count", "f32(max(tokens, 1u))", "f32(tokens)"),
    mutation("pool", "takes zero for the first row of a maximum", "token > first", "token >= first"),
    mutation("pool", "leaves the last token out", "token < last", "token + 1u < last"),
    mutation("pool", "takes the first token for the last", "max(end, start + 1u) - 1u", "start"),
    mutation("pool", "a token's row begins too early", "token * params.hidden + c", "token * (params.hidden - 1u) + c"),
    mutation("pool", "takes the count for its root", "return sqrt(count);", "return count;"),
    mutation("pool", "gives the first token no weight", "f32(place + 1u)", "f32(place)"),
    mutation("pool", "gives all tokens one weight", "MODE == 5u);", "MODE == 6u);"),
    mutation("pool", "divides by half the count's square", "(count + 1.0)", "count"),
    mutation("pool", "normalises by the square", "max(sqrt(reduce_sum(squares, lane)), 1e-12)", "max(reduce_sum(squares, lane), 1e-12)"),

    mutation("pool_vec4", "takes the first row for the maximum", "values[i] = max(values[i], next);", ""),
    mutation("pool_vec4", "does not divide by the count", "values[i] /= divisor_of(end - start);", ""),
    mutation("pool_vec4", "divides by no count", "f32(max(tokens, 1u))", "f32(tokens)"),
    mutation("pool_vec4", "takes zero for the first row of a maximum", "token > first", "token >= first"),
    mutation("pool_vec4", "leaves the last token out", "token < last", "token + 1u < last"),
    mutation("pool_vec4", "takes the first token for the last", "max(end, start + 1u) - 1u", "start"),
    mutation("pool_vec4", "a token's row begins too early", "token * width + c4", "token * (width - 1u) + c4"),
    mutation("pool_vec4", "takes the count for its root", "return sqrt(count);", "return count;"),
    mutation("pool_vec4", "gives the first token no weight", "f32(place + 1u)", "f32(place)"),
    mutation("pool_vec4", "gives all tokens one weight", "MODE == 5u);", "MODE == 6u);"),
    mutation("pool_vec4", "divides by half the count's square", "(count + 1.0)", "count"),
    mutation("pool_vec4", "normalises by the square", "max(sqrt(reduce_sum(squares, lane)), 1e-12)", "max(reduce_sum(squares, lane), 1e-12)"),

    mutation("pool_subgroup", "takes the first row for the maximum", "values[i] = max(values[i], next);", ""),
    mutation("pool_subgroup", "does not divide by the count", "values[i] /= divisor_of(end - start);", ""),
    mutation("pool_subgroup", "divides by no count", "f32(max(tokens, 1u))", "f32(tokens)"),
    mutation("pool_subgroup", "takes the count for its root", "return sqrt(count);", "return count;"),
    mutation("pool_subgroup", "gives the first token no weight", "f32(place + 1u)", "f32(place)"),
    mutation("pool_subgroup", "gives all tokens one weight", "MODE == 5u);", "MODE == 6u);"),
    mutation("pool_subgroup", "divides by half the count's square", "(count + 1.0)", "count"),
    mutation("pool_subgroup", "takes zero for the first row of a maximum", "token > first", "token >= first"),
    mutation("pool_subgroup", "leaves the last token out", "token < last", "token + 1u < last"),
    mutation("pool_subgroup", "takes the first token for the last", "max(end, start + 1u) - 1u", "start"),
    mutation("pool_subgroup", "a token's row begins too early", "token * width + c4", "token * (width - 1u) + c4"),
    mutation("pool_subgroup", "every subgroup has the workgroup's first sequence", "* ROWS + subgroup", "* ROWS"),
    mutation("pool_subgroup", "drops the last vector", "| (c4 < width)", "| (c4 + 1u < width)"),
    mutation("pool_subgroup", "sums some of the lanes only", "step < LANES", "2u * step < LANES"),
    mutation("pool_subgroup", "normalises by the square", "max(sqrt(reduce_sum(squares)), 1e-12)", "max(reduce_sum(squares), 1e-12)"),

    mutation("pool_texture", "takes the first row for the maximum", "v = max(v, next);", ""),
    mutation("pool_texture", "does not divide by the count", "v /= divisor_of(last - first);", ""),
    mutation("pool_texture", "divides by no count", "f32(max(tokens, 1u))", "f32(tokens)"),
    mutation("pool_texture", "takes zero for the first row of a maximum", "token > first", "token >= first"),
    mutation("pool_texture", "leaves the last token out", "token < last", "token + 1u < last"),
    mutation("pool_texture", "takes the first token for the last", "max(end, start + 1u) - 1u", "start"),
    mutation("pool_texture", "drops the last vector", "c4 < width", "c4 + 1u < width"),
    mutation("pool_texture", "takes the count for its root", "return sqrt(count);", "return count;"),
    mutation("pool_texture", "gives the first token no weight", "f32(place + 1u)", "f32(place)"),
    mutation("pool_texture", "gives all tokens one weight", "MODE == 5u);", "MODE == 6u);"),
    mutation("pool_texture", "divides by half the count's square", "(count + 1.0)", "count"),
    mutation("pool_texture", "normalises by the square", "max(sqrt(reduce_sum(squares, lane)), 1e-12)", "max(reduce_sum(squares, lane), 1e-12)"),

    mutation("linear", "a row of x begins too early", "row * params.k + i", "row * (params.k - 1u) + i"),
    mutation("linear", "drops the last product", "i < params.k", "i + 1u < params.k"),
    mutation("linear", "writes one element past the end", "output < params.m * columns()", "output <= params.m * columns()"),
    mutation("linear", "forgets the bias", "sum += after_weight(select", "let forgotten = (select"),
    mutation("linear", "forgets the activation", "activated(product(row, column), params.activation)", "product(row, column)"),
    mutation("linear", "forgets the residual", "v += other[row * params.n + column];", ""),
    mutation("linear", "adds what it should multiply by", "v *= other[row * params.n + column];", "v += other[row * params.n + column];"),
    mutation("linear", "reads the first of two f16", "[element % 2u]", "[0u]"),
    mutation("linear", "reads the first of four int8", "[element % 4u]", "[0u]"),
    mutation("linear", "forgets the scale", "sum *= after_weight(column);", ""),
    mutation("linear", "takes the scale for the bias", "select(0u, params.n, WEIGHT_BITS == 8u) + column", "column"),
    mutation("linear", "does not split the heads", "if params.split_head_dim > 0u", "if params.split_head_dim > 256u"),
    mutation("linear", "forgets what passes the gate", "v *= product(row, params.n / 2u + column);", ""),
    mutation("linear", "takes the gate for what passes it", "product(row, params.n / 2u + column)", "product(row, column)"),
    mutation("linear", "turns the other way", "select(partner, -partner, is_first)", "select(-partner, partner, is_first)"),
    mutation("linear", "turns values too", "column < params.n / 3u * 2u", "column < params.n"),
    mutation("linear", "turns every token as the first", "row * params.rotated + 2u", "2u"),

    mutation("linear_tile", "drops the last products", "first_k < params.k_padded", "first_k + TILE_K < params.k_padded"),
    mutation("linear_tile", "drops the last row", "(row < params.m) &", "(row + 1u < params.m) &"),
    mutation("linear_tile", "reads the first panel only", "(panel * (params.k_padded / K_PER_LOAD) +", "("),
    mutation("linear_tile", "multiplies before the tile is there", "workgroupBarrier();\n            for (var k0", "for (var k0"),
    mutation("linear_tile", "takes every row of a lane for its first", "vec4(a[r].y), b, sums[4u * r + 1u]", "vec4(a[r].x), b, sums[4u * r + 1u]"),
    mutation("linear_tile", "stores the first row for every one", "sums[i - 1u] = sums[i];", ""),
    mutation("linear_tile", "forgets the bias", "v += after_weight(select", "let forgotten = (select"),
    mutation("linear_tile", "forgets the activation", "v = activated(v, params.activation);", ""),
    mutation("linear_tile", "forgets the residual", "v += other[(row * params.n + column) / 4u];", ""),
    mutation("linear_tile", "adds what it should multiply by", "v *= other[(row * params.n + column) / 4u];", "v += other[(row * params.n + column) / 4u];"),
    mutation("linear_tile", "reads the first of two rows of f16", "unpack2x16float(packed.z)", "unpack2x16float(packed.x)"),
    mutation("linear_tile", "reads the first of four rows of int8", "unpack4xI8(packed.w)", "unpack4xI8(packed.x)"),
    mutation("linear_tile", "forgets the scale", "v *= after_weight(column);", ""),
    mutation("linear_tile", "takes the scale for the bias", "select(0u, params.n, WEIGHT_BITS == 8u) + column", "column"),
    mutation("linear_tile", "does not split the heads", "if params.split_head_dim > 0u", "if params.split_head_dim > 256u"),
    mutation("linear_tile", "forgets what passes the gate", "v.xy * passed", "v.xy"),
    mutation("linear_tile", "activates what passes the gate", "v.xy * passed", "v.xy * v.zw"),
    mutation("linear_tile", "turns the other way", "-v.zw * turn.yw", "v.zw * turn.yw"),
    mutation("linear_tile", "turns values too", "column < params.n / 3u * 2u", "column < params.n"),
    mutation("linear_tile", "turns every token as the first", "(row * params.rotated + d) / 4u", "d / 4u"),
    mutation("linear_tile", "leaves pairs side by side", "at - d / 4u + params.rotated / 4u", "at - d / 4u + 1u"),

    mutation("linear_small", "drops what is no whole pass", "for (; k4 < x_length; k4++)", "for (; k4 + 1u < x_length; k4++)"),
    mutation("linear_small", "drops the last row", "(row < params.m) & (column", "(row + 1u < params.m) & (column"),
    mutation("linear_small", "reads the first panel only", "column4 / PANEL * (params.k_padded / 4u) * LOADS * PANEL +", ""),
    mutation("linear_small", "takes a pass's first product for its last", "vec4(a.w), bitcast", "vec4(a.x), bitcast"),
    mutation("linear_small", "forgets the bias", "v += after_weight(select", "let forgotten = (select"),
    mutation("linear_small", "forgets the activation", "v = activated(v, params.activation);", ""),
    mutation("linear_small", "forgets the residual", "v += other[(row * params.n + column) / 4u];", ""),
    mutation("linear_small", "adds what it should multiply by", "v *= other[(row * params.n + column) / 4u];", "v += other[(row * params.n + column) / 4u];"),
    mutation("linear_small", "reads the first of two rows of f16", "unpack2x16float(q.z)", "unpack2x16float(q.x)"),
    mutation("linear_small", "reads the first of four rows of int8", "unpack4xI8(p.w)", "unpack4xI8(p.x)"),
    mutation("linear_small", "forgets the scale", "v *= after_weight(column);", ""),
    mutation("linear_small", "takes the scale for the bias", "select(0u, params.n, WEIGHT_BITS == 8u) + column", "column"),
    mutation("linear_small", "does not split the heads", "if params.split_head_dim > 0u", "if params.split_head_dim > 256u"),
    mutation("linear_small", "forgets what passes the gate", "v.xy * passed", "v.xy"),
    mutation("linear_small", "activates what passes the gate", "v.xy * passed", "v.xy * v.zw"),
    mutation("linear_small", "turns the other way", "-v.zw * turn.yw", "v.zw * turn.yw"),
    mutation("linear_small", "turns values too", "column < params.n / 3u * 2u", "column < params.n"),
    mutation("linear_small", "turns every token as the first", "(row * params.rotated + d) / 4u", "d / 4u"),
    mutation("linear_small", "leaves pairs side by side", "at - d / 4u + params.rotated / 4u", "at - d / 4u + 1u"),

    mutation("linear_cooperative_8", "drops the last products", "first_k < params.k_padded", "first_k + TILE_K < params.k_padded"),
    mutation("linear_cooperative_8", "drops the last row", "(row < params.m) & (column", "(row + 1u < params.m) & (column"),
    mutation("linear_cooperative_8", "reads every panel's first matrix", "+ (first_k + k) / MATRIX) * MATRIX", ") * MATRIX"),
    mutation("linear_cooperative_8", "takes columns of x for rows", "coopLoadT<MatrixA>", "coopLoad<MatrixA>"),
    mutation("linear_cooperative_8", "takes columns of the weight for rows", "coopLoad<MatrixB>", "coopLoadT<MatrixB>"),
    mutation("linear_cooperative_8", "stores rows for columns", "coopStoreT(", "coopStore("),
    mutation("linear_cooperative_8", "every row of matrices is the first", "(block_row + i * MATRIX) * A_STRIDE", "block_row * A_STRIDE"),
    mutation("linear_cooperative_8", "multiplies before x is there", "workgroupBarrier();\n                for (var k", "for (var k"),
    mutation("linear_cooperative_8", "forgets the bias", "v += bias[column / 4u];", ""),
    mutation("linear_cooperative_8", "forgets the activation", "v = activated(v, params.activation);", ""),
    mutation("linear_cooperative_8", "forgets the residual", "v += other[(row * params.n + column) / 4u];", ""),
    mutation("linear_cooperative_8", "adds what it should multiply by", "v *= other[(row * params.n + column) / 4u];", "v += other[(row * params.n + column) / 4u];"),
    mutation("linear_cooperative_8", "does not split the heads", "if params.split_head_dim > 0u", "if params.split_head_dim > 256u"),
    mutation("linear_cooperative_8", "forgets what passes the gate", "v.xy * passed", "v.xy"),
    mutation("linear_cooperative_8", "activates what passes the gate", "v.xy * passed", "v.xy * v.zw"),
    mutation("linear_cooperative_8", "turns the other way", "-v.zw * turn.yw", "v.zw * turn.yw"),
    mutation("linear_cooperative_8", "turns values too", "column < params.n / 3u * 2u", "column < params.n"),
    mutation("linear_cooperative_8", "turns every token as the first", "(row * params.rotated + d) / 4u", "d / 4u"),
    mutation("linear_cooperative_8", "leaves pairs side by side", "at - d / 4u + params.rotated / 4u", "at - d / 4u + 1u"),

    mutation("linear_column", "drops what is no whole pass", "for (; k4 < x_length; k4++)", "for (; k4 + 1u < x_length; k4++)"),
    mutation("linear_column", "drops the last row", "(row < params.m) & (column", "(row + 1u < params.m) & (column"),
    mutation("linear_column", "reads the first panel only", "panel * (params.k_padded / 4u) * PANEL +", ""),
    mutation("linear_column", "takes the first of four columns", "8u * (lane % 4u)", "0u"),
    mutation("linear_column", "takes a pass's first product for its last", "fma(a.w, w.w", "fma(a.x, w.w"),
    mutation("linear_column", "reads every row as the first", "min(row + r, params.m - 1u)", "min(row, params.m - 1u)"),
    mutation("linear_column", "stores half of the rows", "i < ROWS * PANEL", "i < ROWS * PANEL / 2u"),
    mutation("linear_column", "does not wait for the sums", "workgroupBarrier();", ""),
    mutation("linear_column", "forgets the scale", "sum * after_weight(column)", "sum"),
    mutation("linear_column", "takes the scale for the bias", "after_weight(params.n + column)", "after_weight(column)"),
    mutation("linear_column", "forgets the bias", "v += after_weight(params", "let forgotten = (params"),
    mutation("linear_column", "forgets the activation", "v = activated(v, params.activation);", ""),
    mutation("linear_column", "forgets the residual", "v += other[(row * params.n + column) / 4u];", ""),
    mutation("linear_column", "adds what it should multiply by", "v *= other[(row * params.n + column) / 4u];", "v += other[(row * params.n + column) / 4u];"),
    mutation("linear_column", "does not split the heads", "if params.split_head_dim > 0u", "if params.split_head_dim > 256u"),
    mutation("linear_column", "forgets what passes the gate", "v.xy * passed", "v.xy"),
    mutation("linear_column", "turns the other way", "-v.zw * turn.yw", "v.zw * turn.yw"),
    mutation("linear_column", "turns values too", "column < params.n / 3u * 2u", "column < params.n"),
    mutation("linear_column", "leaves pairs side by side", "at - d / 4u + params.rotated / 4u", "at - d / 4u + 1u"),
    mutation("linear_subgroup", "drops the last products", "first < x_length;", "first + DEPTH < x_length;"),
    mutation("linear_subgroup", "drops the last row", "(row < params.m) & (column", "(row + 1u < params.m) & (column"),
    mutation("linear_subgroup", "takes one row for another", "d * ROWS + r % LANES", "d * ROWS + (r + 1u) % LANES"),
    mutation("linear_subgroup", "every subgroup has the workgroup's first rows", "* SUBGROUPS + subgroup)", "* SUBGROUPS)"),
    mutation("linear_subgroup", "every vector of columns is the first", "min(column4 + v * LANES,", "min(column4,"),
    mutation("linear_subgroup", "reads the first panel only", "c4 / PANEL * (params.k_padded / 4u) * LOADS * PANEL +", ""),
    mutation("linear_subgroup", "stores the first row for every one", "sums[i - 1u] = sums[i];", ""),
    mutation("linear_subgroup", "forgets the bias", "v += after_weight(select", "let forgotten = (select"),
    mutation("linear_subgroup", "forgets the activation", "v = activated(v, params.activation);", ""),
    mutation("linear_subgroup", "forgets the residual", "v += other[(row * params.n + column) / 4u];", ""),
    mutation("linear_subgroup", "adds what it should multiply by", "v *= other[(row * params.n + column) / 4u];", "v += other[(row * params.n + column) / 4u];"),
    mutation("linear_subgroup", "reads the first of two rows of f16", "unpack2x16float(q.z)", "unpack2x16float(p.z)"),
    mutation("linear_subgroup", "reads the first of four rows of int8", "unpack4xI8(p.w)", "unpack4xI8(p.x)"),
    mutation("linear_subgroup", "forgets the scale", "v *= after_weight(column);", ""),
    mutation("linear_subgroup", "takes the scale for the bias", "select(0u, params.n, WEIGHT_BITS == 8u) + column", "column"),
    mutation("linear_subgroup", "does not split the heads", "if params.split_head_dim > 0u", "if params.split_head_dim > 256u"),
    mutation("linear_subgroup", "forgets what passes the gate", "v.xy * passed", "v.xy"),
    mutation("linear_subgroup", "activates what passes the gate", "v.xy * passed", "v.xy * v.zw"),
    mutation("linear_subgroup", "turns the other way", "-v.zw * turn.yw", "v.zw * turn.yw"),
    mutation("linear_subgroup", "turns values too", "column < params.n / 3u * 2u", "column < params.n"),
    mutation("linear_subgroup", "turns every token as the first", "(row * params.rotated + d) / 4u", "d / 4u"),
    mutation("linear_subgroup", "leaves pairs side by side", "at - d / 4u + params.rotated / 4u", "at - d / 4u + 1u"),

    mutation("linear_texture", "takes one row for another", "subgroupShuffle(a[3u / LANES], 3u % LANES)", "subgroupShuffle(a[2u / LANES], 2u % LANES)"),
    mutation("linear_texture", "takes one of many rows for another", "% ROW_GROUPS], 19u % LANES)", "% ROW_GROUPS], 18u % LANES)"),
    mutation("linear_texture", "stores some of many rows twice", "t0 = s24;", "t0 = s20;"),
    mutation("linear_texture", "drops the last four products", "k4 < params.k / 4u", "k4 + 1u < params.k / 4u"),
    mutation("linear_texture", "drops the last vector of columns", "if c0 < width", "if c0 + 1u < width"),
    mutation("linear_texture", "every vector of columns is the first", "min(c1,", "min(c0,"),
    mutation("linear_texture", "every group of rows is the first", "first_row + g * LANES + lane", "first_row + lane"),
    mutation("linear_texture", "forgets the bias", "value += offset;", ""),
    mutation("linear_texture", "forgets the activation", "value = activated(value, ACTIVATION);", ""),
    mutation("linear_texture", "forgets the residual", "value += textureLoad(other, vec2(column4, row));", ""),
    mutation("linear_texture", "adds what it should multiply by", "value *= textureLoad(other, vec2(column4, row));", "value += textureLoad(other, vec2(column4, row));"),
    mutation("linear_texture", "reads the first of two rows of f16", "2u * k4 + 1u)", "2u * k4)"),
    mutation("linear_texture", "reads the first of four int8", "unpack4xI8(packed.w)", "unpack4xI8(packed.x)"),
    mutation("linear_texture", "forgets the scale", "value *= factor;", ""),
    mutation("linear_texture", "forgets what passes the gate", "activated(first, ACTIVATION) * second", "activated(first, ACTIVATION)"),
    mutation("linear_texture", "turns the other way", "-second * sine", "second * sine"),
    mutation("linear_texture", "turns values too", "column4 < params.n / 12u * 2u", "column4 < params.n / 4u"),
    mutation("linear_texture", "turns every token as the first", "vec2(d4, row)", "vec2(d4, 0u)"),
    mutation("linear_texture", "leaves pairs side by side", "column4 - d4 / 2u + params.rotated / 8u", "column4 - d4 / 2u + 1u"),

    mutation("rotary", "turns the other way", "select(partner, -partner, is_first)", "select(-partner, partner, is_first)"),
    mutation("rotary", "turns values too", "row < 2u *", "row < 3u *"),
    mutation("rotary", "does not turn keys", "row < 2u *", "row < 1u *"),
    mutation("rotary", "turns an element by itself", "select(i - half, i + half, is_first)", "i"),
    mutation("rotary", "turns every token as the first", "row % params.tokens * params.rotated", "0u"),
    mutation("rotary", "takes the sine for the cosine", "let cosine = rotations[at];", "let cosine = rotations[at + 1u];"),
    mutation("rotary", "drops the last element", "i < params.count", "i + 1u < params.count"),
    mutation("rotary", "writes one element past the end", "i < params.count", "i <= params.count"),

    mutation("rotary_texture", "turns the other way", "-second * sine", "second * sine"),
    mutation("rotary_texture", "turns values too", "head >= 2u *", "head >= 3u *"),
    mutation("rotary_texture", "does not turn keys", "head >= 2u *", "head >= 1u *"),
    mutation("rotary_texture", "turns every token as the first", "vec2(2u * c4, token)", "vec2(2u * c4, 0u)"),
    mutation("rotary_texture", "takes the cosine for the sine", "let sine = vec4(turn0.yw, turn1.yw);", "let sine = vec4(turn0.xz, turn1.xz);"),
    mutation("rotary_texture", "every head is the first", "let start = head * params.head_dim / 4u;", "let start = 0u;"),
    mutation("rotary_texture", "does not copy what follows what is turned", "c4 < params.head_dim / 4u", "c4 < select(0u, params.head_dim / 4u, half == 0u)"),

    mutation("attention", "forgets the base of exp2", "(params.scale * 1.442695)", "params.scale"),
    mutation("attention", "forgets the scale", "(params.scale * 1.442695)", "1.442695"),
    mutation("attention", "takes the last score for the maximum", "lane_max = max(lane_max, scores[k]);", "lane_max = scores[k];"),
    mutation("attention", "takes the first lane's maximum", "max(new_max, columns[g * ROW_GROUPS + row_group])", "max(new_max, columns[row_group])"),
    mutation("attention", "counts a key past the end", "vec4(key < end)", "vec4(key <= end)"),
    mutation("attention", "leaves the last keys of a row out", "first < VECTORS; first += DEPTH", "first + DEPTH < VECTORS; first += DEPTH"),
    mutation("attention", "leaves the last values out", "min(VALUES, keys - first)", "min(VALUES, keys - first) - 1u"),
    mutation("attention", "reads every tile's first weights", "rows[(first + j) * WEIGHT_STRIDE", "rows[j * WEIGHT_STRIDE"),
    mutation("attention", "does not rescale the sum", "row_sum *= rescale;", ""),
    mutation("attention", "sums the first lane's weights", "sum += columns[g * ROW_GROUPS + row_group];", "sum += columns[row_group];"),
    mutation("attention", "does not rescale the context", "context[c][i] *= rescale;", ""),
    mutation("attention", "attends to earlier sequences", "first_key = start;", "first_key = 0u;"),
    mutation("attention", "every head is the first", "part * params.heads + head", "part * params.heads"),
    mutation("attention", "drops a head's last element", "if d < HEAD_DIM { v[i]", "if d + 1u < HEAD_DIM { v[i]"),
    mutation("attention", "drops a head's last vector", "d4 < VECTORS { v", "d4 + 1u < VECTORS { v"),
    mutation("attention", "reads keys for values", "load(2u, head", "load(1u, head"),
    mutation("attention", "writes one query past the end", "if token < query_end {", "if token <= query_end {"),
    mutation("attention", "does not divide by the sum", " * factor[r];", ";"),
    mutation("attention", "sees a key too far away", "<= vec4(i32(params.window))", "<= vec4(i32(params.window) + 1)"),
    mutation("attention", "does not see the furthest key", "<= vec4(i32(params.window))", "< vec4(i32(params.window))"),
    mutation("attention", "sees keys on one side at any distance", "abs(distance) <=", "distance <="),
    mutation("attention", "skips the tile where a window begins", "(before - min(before, params.window))", "before"),
    mutation("attention", "skips the tiles behind the queries", "QUERY_TILE + params.window)", "QUERY_TILE)"),
    mutation("attention", "sees the key behind a query", "distance <= vec4(0)", "distance <= vec4(1)"),
    mutation("attention", "a query does not see itself", "distance <= vec4(0)", "distance < vec4(0)"),
    mutation("attention", "skips the tile of a causal query", "min(last_key, first_query + QUERY_TILE)", "min(last_key, first_query)"),
    mutation("attention", "takes keys behind a query for those before", "bias_of(head, distance)", "bias_of(head, -distance)"),
    mutation("attention", "every head has the first one's bias", "head * (2u * params.reach + 1u) + entry", "entry"),
    mutation("attention", "takes the furthest bias for the one before", "clamp(distance, vec4(-reach)", "clamp(distance, vec4(min(1 - reach, 0))"),
    mutation("attention", "all queries have the first one's bias", "bias[at.z], bias[at.w]) *", "bias[at.x], bias[at.x]) *"),
    mutation("attention", "forgets the base of exp2 in the bias", "bias[at.w]) * 1.442695", "bias[at.w])"),

    mutation("attention_cooperative_8", "forgets the base of exp2", "params.scale * 1.442695", "params.scale"),
    mutation("attention_cooperative_8", "forgets the scale", "params.scale * 1.442695", "1.442695"),
    mutation("attention_cooperative_8", "takes the last tile's maximum", "maxima[n] = max(maxima[n], max(max(s.x, s.y), max(s.z, s.w)));", "maxima[n] = max(max(s.x, s.y), max(s.z, s.w));"),
    mutation("attention_cooperative_8", "takes the first lane's maximum", "max(max(of_lanes.x, of_lanes.y), max(of_lanes.z, of_lanes.w))", "of_lanes.x"),
    mutation("attention_cooperative_8", "counts a key past the end", "< vec4(left)", "<= vec4(left)"),
    mutation("attention_cooperative_8", "sees the key behind a query", "min(end, query + 1u)", "min(end, query + 2u)"),
    mutation("attention_cooperative_8", "a query does not see itself", "min(end, query + 1u)", "min(end, query)"),
    mutation("attention_cooperative_8", "takes the maximum of keys behind a query", "s = select(vec4(LOWEST), s, count(i % LINES * 4u, left));", ""),
    mutation("attention_cooperative_8", "skips the tiles of causal queries", "min(end, first_query + QUERY_TILE)", "min(end, first_query)"),
    mutation("attention_cooperative_8", "sums the first lane's weights", "LINES), vec4(1.0))", "LINES), vec4(1.0, 0.0, 0.0, 0.0))"),
    mutation("attention_cooperative_8", "sums other weights than it multiplies", " & vec4(0xffffe000u)", ""),
    mutation("attention_cooperative_8", "attends to earlier sequences", "first_key = start;", "first_key = 0u;"),
    mutation("attention_cooperative_8", "reads keys for values", "load(2u, head", "load(1u, head"),
    mutation("attention_cooperative_8", "every head is the first", "part * params.heads + head", "part * params.heads"),
    mutation("attention_cooperative_8", "drops a head's last element", "if d < HEAD_DIM { v[i]", "if d + 1u < HEAD_DIM { v[i]"),
    mutation("attention_cooperative_8", "repeats a head's last vector", "if WIDTH != HEAD_DIM { v = select(vec4(0.0), v, d4 < length); }", ""),
    mutation("attention_cooperative_8", "takes columns of the weights for rows", "weights[i] = coopLoadT<", "weights[i] = coopLoad<"),
    mutation("attention_cooperative_8", "takes columns of the keys for rows", "keys = coopLoad<", "keys = coopLoadT<"),
    mutation("attention_cooperative_8", "takes rows of the values for columns", "values = coopLoad<", "values = coopLoadT<"),
    mutation("attention_cooperative_8", "stores rows of scores for columns", "coopStoreT(scores", "coopStore(scores"),
    mutation("attention_cooperative_8", "multiplies before the keys are there", "stage_keys(head, first_key, end, lane);\n                    workgroupBarrier();", "stage_keys(head, first_key, end, lane);"),
    mutation("attention_cooperative_8", "stores the first columns for all", "context[column * SIDE + j][i]", "context[j][i]"),
    mutation("attention_cooperative_8", "writes one query past the end", "(token < end)", "(token <= end)"),
    mutation("attention_cooperative_8", "does not divide by the sum", " / sums[n]", ""),

    mutation("attention", "takes an expansion's own tokens for keys", "start = segment_offsets[sequence - sequence % 2u];", ""),
    mutation("attention", "an expansion attends to nothing behind", "end = segment_offsets[sequence - sequence % 2u + 1u];", "end = start + 1u;"),
    mutation("attention", "a query without keys has something", "factor = select(factor, vec4(0.0), row_max == vec4(LOWEST));", "factor = select(factor, vec4(1.0), row_max == vec4(LOWEST));"),

    mutation("attention_texture", "takes an expansion's own tokens for keys", "start = segment_offsets[sequence - sequence % 2u];", ""),
    mutation("attention_texture", "an expansion attends to nothing behind", "end = segment_offsets[sequence - sequence % 2u + 1u];", "end = start + 1u;"),
    mutation("attention_texture", "a query without keys has something", "row_max[g] == LOWEST { factor = 0.0; }", "row_max[g] == LOWEST { factor = 1.0; }"),
    mutation("attention_texture", "forgets the base of exp2", "(params.scale * 1.442695)", "params.scale"),
    mutation("attention_texture", "forgets the scale", "(params.scale * 1.442695)", "1.442695"),
    mutation("attention_texture", "takes the last score for the maximum", "new_max = max(new_max, weights[g][l]);", "new_max = weights[g][l];"),
    mutation("attention_texture", "counts a key past the end", "first_key + l < end", "first_key + l <= end"),
    mutation("attention_texture", "sees a key too far away", "<= i32(params.window)", "<= i32(params.window) + 1"),
    mutation("attention_texture", "does not see the furthest key", "<= i32(params.window)", "< i32(params.window)"),
    mutation("attention_texture", "sees keys on one side at any distance", "abs(distance + i32(l))", "(distance + i32(l))"),
    mutation("attention_texture", "skips the keys where a window begins", "(before - min(before, params.window))", "before"),
    mutation("attention_texture", "skips the keys behind the queries", "ROWS + params.window)", "ROWS)"),
    mutation("attention_texture", "sees the key behind a query", "distance + i32(l) <= 0", "distance + i32(l) <= 1"),
    mutation("attention_texture", "a query does not see itself", "distance + i32(l) <= 0", "distance + i32(l) < 0"),
    mutation("attention_texture", "skips the keys of causal queries", "min(last_key, first_query + ROWS)", "min(last_key, first_query)"),
    mutation("attention_texture", "takes keys behind a query for those before", "let entry = distance +", "let entry = -distance +"),
    mutation("attention_texture", "every head has the first one's bias", "vec2(texel, i32(head))", "vec2(texel, 0)"),
    mutation("attention_texture", "takes a texel's first bias for each", "nearest[entry & 3]", "nearest[0]"),
    mutation("attention_texture", "reads past the furthest bias before a query", "select(added, outermost.x, entry + i32(l) < 0)", "added"),
    mutation("attention_texture", "reads past the furthest bias behind a query", "select(added, outermost.y, entry + i32(l) > last_entry)", "added"),
    mutation("attention_texture", "forgets the base of exp2 in the bias", "fma(added, 1.442695,", "fma(added, 1.0,"),
    mutation("attention_texture", "does not rescale the sum", "row_sum[g] *= rescale;", ""),
    mutation("attention_texture", "does not rescale the context", "context[g][v] *= rescale;", ""),
    mutation("attention_texture", "attends to earlier sequences", "first_key = start;", "first_key = 0u;"),
    mutation("attention_texture", "reads keys for values", "vec2(value_column + v", "vec2(key_column + v"),
    mutation("attention_texture", "every group of queries is the first", "first_query + g * LANES + lane, query_end - 1u", "first_query + lane, query_end - 1u"),
    mutation("attention_texture", "does not divide by the sum", "1.0 / row_sum[g]", "1.0"),

    mutation("disentangled_attention", "forgets the base of exp2", "params.scale * 1.442695", "params.scale"),
    mutation("disentangled_attention", "forgets the scale", "params.scale * 1.442695", "1.442695"),
    mutation("disentangled_attention", "does not scale queries of positions", "load_position(1u, head, entry, first + i % DEPTH) * factor_of_scores", "load_position(1u, head, entry, first + i % DEPTH)"),
    mutation("disentangled_attention", "takes keys behind a query for those before", "u32(clamp(first_entry", "u32(2 * i32(params.reach) - clamp(first_entry"),
    mutation("disentangled_attention", "takes the furthest distance for the one before", "i32(distance), 0, 2", "i32(distance), min(1, 2 * i32(params.reach)), 2"),
    mutation("disentangled_attention", "takes every distance for the one before", "QUERY_TILE - 1u) + i32(params.reach)", "QUERY_TILE) + i32(params.reach)"),
    mutation("disentangled_attention", "every head has the first one's positions", "+ entry) * params.heads + head", "+ entry) * params.heads"),
    mutation("disentangled_attention", "takes keys of positions for their queries", "load_position(1u", "load_position(0u"),
    mutation("disentangled_attention", "forgets the queries of positions", " + dot(position_query, key[k])", ""),
    mutation("disentangled_attention", "forgets the keys of positions", "key[k] + position_key", "key[k]"),
    mutation("disentangled_attention", "takes one distance for the next one's", "let k = u + r - 3u;", "let k = u + r - 2u;"),
    mutation("disentangled_attention", "takes the first of four distances for each", " + u % 4u * DISTANCE_GROUPS", ""),
    mutation("disentangled_attention", "takes the last score for the maximum", "lane_max = max(lane_max, scores[k]);", "lane_max = scores[k];"),
    mutation("disentangled_attention", "takes the first lane's maximum", "max(new_max, columns[g * ROW_GROUPS + row_group])", "max(new_max, columns[row_group])"),
    mutation("disentangled_attention", "counts a key past the end", "vec4(key < end)", "vec4(key <= end)"),
    mutation("disentangled_attention", "leaves the last keys of a row out", "first < VECTORS; first += DEPTH", "first + DEPTH < VECTORS; first += DEPTH"),
    mutation("disentangled_attention", "leaves the last values out", "min(VALUES, keys - first)", "min(VALUES, keys - first) - 1u"),
    mutation("disentangled_attention", "reads every tile's first weights", "let key = first + j;", "let key = j;"),
    mutation("disentangled_attention", "reads weights in the order of keys", "(key % 4u * KEY_GROUPS + key / 4u) * WEIGHT_STRIDE", "key * WEIGHT_STRIDE"),
    mutation("disentangled_attention", "does not rescale the sum", "row_sum *= rescale;", ""),
    mutation("disentangled_attention", "sums the first lane's weights", "sum += columns[g * ROW_GROUPS + row_group];", "sum += columns[row_group];"),
    mutation("disentangled_attention", "does not rescale the context", "context[c][i] *= rescale;", ""),
    mutation("disentangled_attention", "attends to earlier sequences", "first_key = start;", "first_key = 0u;"),
    mutation("disentangled_attention", "every head is the first", "part * params.heads + head", "part * params.heads"),
    mutation("disentangled_attention", "drops a head's last element", "if d < HEAD_DIM { v[i] = qkv", "if d + 1u < HEAD_DIM { v[i] = qkv"),
    mutation("disentangled_attention", "drops a position's last element", "if d < HEAD_DIM { v[i] = positions", "if d + 1u < HEAD_DIM { v[i] = positions"),
    mutation("disentangled_attention", "drops a head's last vector", "d4 < VECTORS { v = qkv", "d4 + 1u < VECTORS { v = qkv"),
    mutation("disentangled_attention", "drops a position's last vector", "d4 < VECTORS { v = positions", "d4 + 1u < VECTORS { v = positions"),
    mutation("disentangled_attention", "reads keys for values", "load(2u, head", "load(1u, head"),
    mutation("disentangled_attention", "writes one query past the end", "if token < end {", "if token <= end {"),
    mutation("disentangled_attention", "does not divide by the sum", " * factor[r];", ";"),

    mutation("disentangled_attention_texture", "forgets the base of exp2", "(params.scale * 1.442695)", "params.scale"),
    mutation("disentangled_attention_texture", "forgets the scale", "(params.scale * 1.442695)", "1.442695"),
    mutation("disentangled_attention_texture", "takes keys behind a query for those before", "u32(clamp(first_entry", "u32(2 * i32(params.reach) - clamp(first_entry"),
    mutation("disentangled_attention_texture", "takes the furthest distance for the one before", "i32(l), 0, 2", "i32(l), min(1, 2 * i32(params.reach)), 2"),
    mutation("disentangled_attention_texture", "every head has the first one's positions", "vec2(query_column + v, entry[l])", "vec2(v, entry[l])"),
    mutation("disentangled_attention_texture", "takes keys of positions for their queries", "entries + entry[l]", "entry[l]"),
    mutation("disentangled_attention_texture", "forgets the keys of positions", "key + position_key", "key"),
    mutation("disentangled_attention_texture", "takes the last score for the maximum", "new_max = max(new_max, weights[l]);", "new_max = weights[l];"),
    mutation("disentangled_attention_texture", "counts a key past the end", "first_key + l < end", "first_key + l <= end"),
    mutation("disentangled_attention_texture", "does not rescale the sum", "row_sum *= rescale;", ""),
    mutation("disentangled_attention_texture", "does not rescale the context", "context[v] *= rescale;", ""),
    mutation("disentangled_attention_texture", "attends to earlier sequences", "first_key = start;", "first_key = 0u;"),
    mutation("disentangled_attention_texture", "reads keys for values", "vec2(value_column + v", "vec2(key_column + v"),
    mutation("disentangled_attention_texture", "writes one query past the end", "if token < end {", "if token <= end {"),
    mutation("disentangled_attention_texture", "does not divide by the sum", "1.0 / row_sum", "1.0"),

    mutation("unfold", "begins with the token itself", " - params.size / 2u", ""),
    mutation("unfold", "takes each neighbour for the token itself", "token - start + i % params.size - params.size / 2u", "token - start"),
    mutation("unfold", "sees the sequence before", "place < end - start", "start + place < end"),
    mutation("unfold", "reads the first column only", "* params.cols + i / params.size", "* params.cols"),
    mutation("unfold", "every sequence is the first", "let start = segment_offsets[sequence];", "let start = segment_offsets[0];"),
    mutation("unfold", "drops the last element", "i < width", "i + 1u < width"),
    mutation("unfold", "writes one token past the end", "token < end", "token <= end"),

    mutation("unfold_texture", "begins with the token itself", " - params.size / 2u", ""),
    mutation("unfold_texture", "takes each neighbour for the token itself", "place + i % params.size - params.size / 2u", "place"),
    mutation("unfold_texture", "sees the sequence before", "neighbour < end - start", "start + neighbour < end"),
    mutation("unfold_texture", "reads the first of four columns only", "[c % 4u]", "[0]"),
    mutation("unfold_texture", "leaves every fourth element out", "n < 4u", "n < 3u"),
    mutation("unfold_texture", "drops the last vector", "c4 < width", "c4 + 1u < width"),
    mutation("unfold_texture", "writes one token past the end", "start + place < end", "start + place <= end"),
];

impl Mutation {
    /// The first two columns of its row in docs/mutations.md.
    fn row(&self) -> String {
        format!("| `{}` | {} | ", self.kernel, self.what)
    }

    /// The kernel with its text changed.
    fn mutant(&self) -> &'static Kernel {
        let kernel = KERNELS.iter().find(|kernel| kernel.name == self.kernel);
        let kernel = kernel.unwrap_or_else(|| panic!("no kernel is called {}", self.kernel));
        let wgsl = kernel.wgsl.replace(self.from, self.to);
        assert_ne!(wgsl, kernel.wgsl, "{} has no {:?}", self.kernel, self.from);
        Box::leak(Box::new(Kernel {
            wgsl: Box::leak(wgsl.into_boxed_str()),
            ..**kernel
        }))
    }

    /// The first case that notices; `None` if none does.
    fn noticed_by<'a>(
        &self,
        gpu: &Gpu,
        cases: impl IntoIterator<Item = &'a Recipe>,
    ) -> Option<String> {
        let mutant = self.mutant();
        cases.into_iter().find_map(|recipe| {
            let mut case = recipe().unwrap();
            if mutant.cooperative_matrix.is_some() {
                case = case.in_f16();
            }
            let mut of_kernel = candidates(gpu, &case);
            of_kernel.retain(|candidate| candidate.variant.kernel.name == self.kernel);
            // Other tiles run through the same lines, unless they have other rows.
            of_kernel.dedup_by_key(|candidate| (candidate.weight_type(), rows_of(candidate)));
            let expected = if of_kernel.is_empty() {
                Vec::new()
            } else {
                expected(&case).unwrap()
            };
            let fails = |candidate: &Candidate| fails(gpu, &case, candidate, mutant, &expected);
            of_kernel.iter().any(fails).then_some(case.name.clone())
        })
    }
}

fn rows_of(candidate: &Candidate) -> Option<u32> {
    let mut constants = candidate.variant.constants.iter();
    constants.find_map(|(name, value)| ["ROWS", "TILE_ROWS"].contains(name).then_some(*value))
}

fn fails(
    gpu: &Gpu,
    case: &Case,
    candidate: &Candidate,
    mutant: &'static Kernel,
    expected: &[f32],
) -> bool {
    let mut candidate = candidate.clone();
    candidate.variant.kernel = mutant;
    let plan = match candidate.plan(gpu, case) {
        Err(Error::NoVariant { .. }) => return false, // the case is too large for a texture
        plan => plan.unwrap(),
    };
    let trace = run(&plan, case).unwrap();
    Comparison::new(&case.tolerance, &trace, expected)
        .failure
        .is_some()
}

#[test]
fn every_mutation_of_a_kernel_with_cooperative_matrices_is_noticed() {
    are_noticed(|kernel| kernel.cooperative_matrix.is_some());
}

#[test]
fn every_other_mutation_is_noticed() {
    are_noticed(|kernel| kernel.cooperative_matrix.is_none());
}

/// Those of kernels that this adapter can run, on every core; it says which it leaves to others.
fn are_noticed(of: impl Fn(&Kernel) -> bool) {
    let gpu = Gpu::new().unwrap();
    let (all, cases) = (mutations(), cases::all());
    let runs: Vec<BTreeSet<&str>> = cases.iter().map(|recipe| kernels(&gpu, recipe)).collect();
    let mut asked = Vec::new();
    for kernel in KERNELS.iter().filter(|kernel| of(kernel)) {
        let own = cases.iter().zip(&runs);
        let own = own.filter(|(_, runs)| runs.contains(kernel.name));
        let own: Vec<&Recipe> = own.map(|(recipe, _)| recipe).collect();
        if own.is_empty() {
            eprintln!("left to other adapters: the mutations of {}", kernel.name);
            continue;
        }
        let of_kernel = all.iter().filter(|it| it.kernel == kernel.name);
        asked.extend(of_kernel.map(|mutation| (mutation, own.clone())));
    }
    let next = Mutex::new(asked.into_iter().enumerate());
    let work = || {
        let mut rows = Vec::new();
        loop {
            let taken = next.lock().unwrap().next();
            let Some((place, (mutation, cases))) = taken else {
                return rows;
            };
            let noticed = mutation.noticed_by(&gpu, cases);
            rows.push((place, mutation.row(), noticed));
        }
    };
    let mut rows = thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(work)).collect();
        let rows = threads.into_iter().map(|thread| thread.join().unwrap());
        rows.flatten().collect::<Vec<_>>()
    });
    rows.sort();
    let unnoticed = rows.iter().filter(|(_, _, noticed)| noticed.is_none());
    let survivors: Vec<&String> = unnoticed.map(|(_, row, _)| row).collect();
    assert!(survivors.is_empty(), "not noticed: {survivors:#?}");
    println!("for docs/mutations.md:");
    for (_, row, noticed) in &rows {
        println!("{row}{} |", noticed.as_deref().unwrap_or_default());
    }
}

/// Those that a case may run.
fn kernels(gpu: &Gpu, recipe: &Recipe) -> BTreeSet<&'static str> {
    let candidates = candidates(gpu, &recipe().unwrap());
    candidates.iter().map(|it| it.variant.kernel.name).collect()
}

/// On a device that allows no more than 32 workgroups in one dimension, as `tests/ops.rs` has it too.
#[test]
fn a_grid_without_its_second_row_is_noticed() {
    for kernel in KERNELS {
        let mutation = mutation(
            kernel.name,
            "ignores the grid's second row",
            "workgroup.x + workgroup.y * workgroups.x",
            "workgroup.x",
        );
        let gpu = Gpu::with_most_workgroups(32).unwrap();
        let runs = |recipe: &Recipe| kernels(&gpu, recipe).contains(kernel.name);
        let cases = cases::folded();
        if cases.iter().any(runs) {
            assert!(
                mutation.noticed_by(&gpu, &cases).is_some(),
                "{}",
                kernel.name
            );
        }
    }
}

#[test]
fn parts_of_kernels_with_cooperative_matrices_are_noticed() {
    parts_are_noticed(|kernel| kernel.cooperative_matrix.is_some());
}

#[test]
fn parts_of_every_other_kernel_are_noticed() {
    parts_are_noticed(|kernel| kernel.cooperative_matrix.is_none());
}

/// Every candidate's dispatch is traced in two parts: one that starts at the first workgroup is wrong.
fn parts_are_noticed(of: impl Fn(&Kernel) -> bool) {
    let gpu = Gpu::new().unwrap();
    for kernel in KERNELS.iter().filter(|kernel| of(kernel)) {
        let mutation = mutation(
            kernel.name,
            "ignores where a part starts",
            "params.first_workgroup + ",
            "",
        );
        let mut cases = cases::all();
        cases.retain(|recipe| kernels(&gpu, recipe).contains(kernel.name));
        if !cases.is_empty() {
            let noticed = mutation.noticed_by(&gpu, &cases);
            assert!(noticed.is_some(), "{}", kernel.name);
        }
    }
}

#[test]
fn docs_list_every_mutation_and_no_other() {
    let docs = std::fs::read_to_string("docs/mutations.md").unwrap();
    let listed: Vec<&str> = docs
        .lines()
        .filter(|line| line.starts_with("| `"))
        .collect();
    let mutations = mutations();
    for mutation in &mutations {
        let row = mutation.row();
        assert!(
            listed.iter().any(|line| line.starts_with(&row)),
            "missing: {row} … (`every_other_mutation_is_noticed` and its neighbour print all rows with --nocapture)"
        );
    }
    assert_eq!(listed.len(), mutations.len());
}

#[test]
fn every_kernel_has_mutations() {
    for kernel in KERNELS {
        let count = mutations()
            .iter()
            .filter(|mutation| mutation.kernel == kernel.name)
            .count();
        assert!(count >= 4, "{}: {count}", kernel.name);
    }
}
