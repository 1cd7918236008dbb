// Disentangled softmax attention over packed segments, scores never materialised:
// y[q] = sum over keys of softmax(score(q, key)) * value, within q's own segment, where with d for how far k is behind q
// score(q, k) = scale * (query[q] . key[k] + query[q] . position_key[d] + position_query[d] . key[k]). Any head_dim up to 256.
// As `attention` in all but its scores: one workgroup per segment, tile of queries and head; tiles of keys with an online
// softmax. A lane has four queries and four keys that follow one another, which are at seven distances: the tile's
// distances, one fewer than it has queries and keys, lie in workgroup memory beside them, DEPTH vectors of a row at a time.
// Keys, weights and distances lie there by fours, so that neighbouring lanes read neighbouring vectors.

struct Params {
    first_workgroup: u32,  // of those that run now
    tokens: u32,
    sequences: u32,
    heads: u32,
    query_tiles: u32,      // tiles of QUERY_TILE queries in the longest segment
    scale: f32,
    reach: u32,            // further keys have the vectors of the furthest within it
}

@group(0) @binding(0) var<storage, read> qkv: array<vec4<f32>>;        // query, key, value: [3, heads, tokens, head_dim]
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(2) var<storage, read> positions: array<vec4<f32>>;  // keys, queries: [2, 2 * reach + 1, heads * head_dim]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;          // [tokens, heads * head_dim]
@group(1) @binding(0) var<uniform> params: Params;

const HEAD_DIM: u32 = 32u;
const QUERY_TILE: u32 = 32u;
const KEY_TILE: u32 = 32u;
const ROW_GROUPS: u32 = QUERY_TILE / 4u;  // lanes that share a key
const KEY_GROUPS: u32 = KEY_TILE / 4u;    // lanes that share a query, neighbours
const WORKGROUP_SIZE: u32 = ROW_GROUPS * KEY_GROUPS;

const VECTORS: u32 = (HEAD_DIM + 3u) / 4u;  // of a head's row, its tail filled with zeros
const COLUMNS: u32 = (VECTORS + KEY_GROUPS - 1u) / KEY_GROUPS;   // vectors of the result that a lane computes
// Vectors of queries and keys at a time, as registers and workgroup memory allow: one where drivers unroll the loop over so
// few of them, and run out of registers.
const DEPTH: u32 = min(min(VECTORS / 5u + 1u, 2u / COLUMNS), 256u / KEY_TILE);
const STEP: u32 = max(4u / COLUMNS, 1u);                         // values between two tests of the loop over them
const VALUE_STRIDE: u32 = COLUMNS * KEY_GROUPS;                  // vectors of a value, those past VECTORS undefined
const VALUES: u32 = 2u * WORKGROUP_SIZE / VALUE_STRIDE / STEP * STEP;  // at a time
const DISTANCES: u32 = QUERY_TILE + KEY_TILE;                    // from any query to any key, and one more
const DISTANCE_GROUPS: u32 = DISTANCES / 4u;
// So that lanes that write or read different rows of a tile meet different banks of memory.
const QUERY_STRIDE: u32 = QUERY_TILE + 4u * (DEPTH - 1u);
const KEY_STRIDE: u32 = KEY_TILE + 4u * (DEPTH - 1u);
const WEIGHT_STRIDE: u32 = ROW_GROUPS + 1u;
const LOWEST: f32 = -3.4028235e38;

// Where they begin in `rows`.
const POSITION_KEYS: u32 = DEPTH * QUERY_STRIDE;
const POSITION_QUERIES: u32 = POSITION_KEYS + DEPTH * DISTANCES;
const ROWS_END: u32 = POSITION_QUERIES + DEPTH * DISTANCES;

// Queries, [DEPTH][QUERY_TILE], and keys and queries of positions, [DEPTH][4][DISTANCE_GROUPS]; then weights,
// [4][KEY_GROUPS][ROW_GROUPS], four queries a vector.
var<workgroup> rows: array<vec4<f32>, max(ROWS_END, KEY_TILE * WEIGHT_STRIDE)>;
// Keys, [DEPTH][4][KEY_GROUPS]; then one vector of each lane; then values, [VALUES][VECTORS].
var<workgroup> columns: array<vec4<f32>, max(max(DEPTH * KEY_STRIDE, WORKGROUP_SIZE), VALUES * VALUE_STRIDE)>;

// Elements 4 * d4..4 * d4 + 3 of one token's row in query (part 0), key (1) or value (2).
fn load(part: u32, head: u32, token: u32, d4: u32) -> vec4<f32> {
    let row = (part * params.heads + head) * params.tokens + token;
    var v = vec4(0.0);
    if HEAD_DIM % 4u == 0u {
        if VECTORS % DEPTH == 0u || d4 < VECTORS { v = qkv[row * VECTORS + d4]; }
    } else {
        for (var i = 0u; i < 4u; i++) {
            let d = 4u * d4 + i;
            let element = row * HEAD_DIM + d;
            if d < HEAD_DIM { v[i] = qkv[element / 4u][element % 4u]; }
        }
    }
    return v;
}

// The same of one distance's row, an entry of the table of keys (part 0) or that of queries (1).
fn load_position(part: u32, head: u32, entry: u32, d4: u32) -> vec4<f32> {
    let row = (part * (2u * params.reach + 1u) + entry) * params.heads + head;
    var v = vec4(0.0);
    if HEAD_DIM % 4u == 0u {
        if VECTORS % DEPTH == 0u || d4 < VECTORS { v = positions[row * VECTORS + d4]; }
    } else {
        for (var i = 0u; i < 4u; i++) {
            let d = 4u * d4 + i;
            let element = row * HEAD_DIM + d;
            if d < HEAD_DIM { v[i] = positions[element / 4u][element % 4u]; }
        }
    }
    return v;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn disentangled_attention(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    let head = tile % params.heads;
    let query_tile = tile / params.heads % params.query_tiles;
    let sequence = tile / params.heads / params.query_tiles;
    if sequence < params.sequences {
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        let first_query = start + query_tile * QUERY_TILE;
        if first_query < end {
            let row_group = lane / KEY_GROUPS;  // queries 4 * row_group..4 * row_group + 3 of the tile
            let key_group = lane % KEY_GROUPS;  // keys 4 * key_group..4 * key_group + 3, vectors key_group, key_group + KEY_GROUPS, …
            let factor_of_scores = params.scale * 1.442695;  // log2(e), for exp2

            // A vector holds four queries, a matrix those for each of four columns.
            var context: array<mat4x4<f32>, COLUMNS>;
            var row_max = vec4(LOWEST);
            var row_sum = vec4(0.0);  // of this lane's keys
            var scores: array<vec4<f32>, 4>;
            var query: array<vec4<f32>, 4>;
            var key: array<vec4<f32>, 4>;
            for (var first_key = start; first_key < end; first_key += KEY_TILE) {
                // The entry of the tile's first key as its last query sees it.
                let first_entry = i32(first_key) - i32(first_query + QUERY_TILE - 1u) + i32(params.reach);
                for (var k = 0u; k < 4u; k++) { scores[k] = vec4(0.0); }
                for (var first = 0u; first < VECTORS; first += DEPTH) {
                    workgroupBarrier();
                    // Rows past the end repeat the last one.
                    for (var n = 0u; n < (DEPTH * QUERY_TILE + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        if DEPTH * QUERY_TILE % WORKGROUP_SIZE == 0u || i < DEPTH * QUERY_TILE {
                            rows[i % DEPTH * QUERY_STRIDE + i / DEPTH] =
                                load(0u, head, min(first_query + i / DEPTH, end - 1u), first + i % DEPTH) * factor_of_scores;
                        }
                    }
                    for (var n = 0u; n < (DEPTH * DISTANCES + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        if DEPTH * DISTANCES % WORKGROUP_SIZE == 0u || i < DEPTH * DISTANCES {
                            let distance = i / DEPTH;
                            let entry = u32(clamp(first_entry + i32(distance), 0, 2 * i32(params.reach)));
                            let at = (i % DEPTH * 4u + distance % 4u) * DISTANCE_GROUPS + distance / 4u;
                            rows[POSITION_KEYS + at] = load_position(0u, head, entry, first + i % DEPTH);
                            rows[POSITION_QUERIES + at] = load_position(1u, head, entry, first + i % DEPTH) * factor_of_scores;
                        }
                    }
                    for (var n = 0u; n < (DEPTH * KEY_TILE + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        if DEPTH * KEY_TILE % WORKGROUP_SIZE == 0u || i < DEPTH * KEY_TILE {
                            let key = i / DEPTH;
                            columns[i % DEPTH * KEY_STRIDE + key % 4u * KEY_GROUPS + key / 4u] =
                                load(1u, head, min(first_key + key, end - 1u), first + i % DEPTH);
                        }
                    }
                    workgroupBarrier();
                    for (var d4 = 0u; d4 < DEPTH; d4++) {
                        for (var r = 0u; r < 4u; r++) { query[r] = rows[d4 * QUERY_STRIDE + 4u * row_group + r]; }
                        for (var k = 0u; k < 4u; k++) { key[k] = columns[d4 * KEY_STRIDE + k * KEY_GROUPS + key_group]; }
                        // By distance, from the first key as the last query sees it: so fewest registers are in use.
                        let nearest = d4 * DISTANCES + ROW_GROUPS - 1u - row_group + key_group;
                        for (var u = 0u; u < 7u; u++) {
                            let at = nearest + u % 4u * DISTANCE_GROUPS + u / 4u;
                            let position_key = rows[POSITION_KEYS + at];
                            let position_query = rows[POSITION_QUERIES + at];
                            for (var r = 0u; r < 4u; r++) {
                                let k = u + r - 3u;
                                if k < 4u {
                                    scores[k][r] += dot(query[r], key[k] + position_key) + dot(position_query, key[k]);
                                }
                            }
                        }
                    }
                }
                workgroupBarrier();

                var lane_max = vec4(LOWEST);
                for (var k = 0u; k < 4u; k++) {
                    let key = first_key + 4u * key_group + k;
                    scores[k] = select(vec4(LOWEST), scores[k], vec4(key < end));
                    lane_max = max(lane_max, scores[k]);
                }
                columns[key_group * ROW_GROUPS + row_group] = lane_max;
                workgroupBarrier();
                var new_max = row_max;
                for (var g = 0u; g < KEY_GROUPS; g++) {
                    new_max = max(new_max, columns[g * ROW_GROUPS + row_group]);
                }
                let rescale = exp2(row_max - new_max);
                row_max = new_max;
                row_sum *= rescale;
                for (var c = 0u; c < COLUMNS; c++) {
                    for (var i = 0u; i < 4u; i++) { context[c][i] *= rescale; }
                }
                for (var k = 0u; k < 4u; k++) {
                    let weights = exp2(scores[k] - new_max);  // 0 past the end
                    row_sum += weights;
                    rows[(k * KEY_GROUPS + key_group) * WEIGHT_STRIDE + row_group] = weights;
                }

                let keys = min(KEY_TILE, end - first_key);
                for (var first = 0u; first < keys; first += VALUES) {
                    workgroupBarrier();
                    for (var n = 0u; n < (VALUES * VECTORS + WORKGROUP_SIZE - 1u) / WORKGROUP_SIZE; n++) {
                        let i = lane + n * WORKGROUP_SIZE;
                        if VALUES * VECTORS % WORKGROUP_SIZE == 0u || i < VALUES * VECTORS {
                            let value = load(2u, head, min(first_key + first + i / VECTORS, end - 1u), i % VECTORS);
                            columns[i / VECTORS * VALUE_STRIDE + i % VECTORS] = value;
                        }
                    }
                    workgroupBarrier();
                    // The count is not constant, or drivers would unroll the loop and run out of registers.
                    let count = min(VALUES, keys - first);
                    for (var n = 0u; n < count; n += STEP) {
                        for (var m = 0u; m < STEP; m++) {
                            let j = n + m;
                            let key = first + j;
                            let weights = rows[(key % 4u * KEY_GROUPS + key / 4u) * WEIGHT_STRIDE + row_group];
                            for (var c = 0u; c < COLUMNS; c++) {
                                let value = columns[j * VALUE_STRIDE + c * KEY_GROUPS + key_group];
                                for (var i = 0u; i < 4u; i++) {
                                    context[c][i] = fma(weights, vec4(value[i]), context[c][i]);
                                }
                            }
                        }
                    }
                }
            }

            workgroupBarrier();
            columns[key_group * ROW_GROUPS + row_group] = row_sum;
            workgroupBarrier();
            var sum = vec4(0.0);
            for (var g = 0u; g < KEY_GROUPS; g++) { sum += columns[g * ROW_GROUPS + row_group]; }
            let factor = 1.0 / sum;
            for (var r = 0u; r < 4u; r++) {
                let token = first_query + 4u * row_group + r;
                if token < end {
                    let y_start = (token * params.heads + head) * HEAD_DIM;
                    for (var c = 0u; c < COLUMNS; c++) {
                        for (var i = 0u; i < 4u; i++) {
                            let d = 4u * (c * KEY_GROUPS + key_group) + i;
                            if d < HEAD_DIM { y[y_start + d] = context[c][i][r] * factor[r]; }
                        }
                    }
                }
            }
        }
    }
}
