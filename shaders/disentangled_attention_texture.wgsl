// Disentangled softmax attention over packed segments, scores never materialised:
// y[q] = sum over keys of softmax(score(q, key)) * value, within q's own segment, where with d for how far k is behind q
// score(q, k) = scale * (query[q] . key[k] + query[q] . position_key[d] + position_query[d] . key[k]).
// As `attention_texture` in all but its scores: one subgroup per segment, tile of ROWS queries and head, all in registers;
// each lane owns queries, and keys and values are passed round by shuffles. The rows of a distance are loaded by each lane
// for its own queries. head_dim is a multiple of 4, at most 128.
// For software adapters. A workgroup is one subgroup: LANES must be the adapter's only subgroup size.

struct Params {
    first_workgroup: u32,  // of those that run now
    sequences: u32,
    heads: u32,
    query_tiles: u32,      // tiles of ROWS queries in the longest segment
    scale: f32,
    reach: u32,            // further keys have the vectors of the furthest within it
}

// A texel is four columns.
@group(0) @binding(0) var qkv: texture_storage_2d<rgba32float, read>;        // query, key, value: tokens high, 3 * heads * head_dim / 4 wide
@group(0) @binding(1) var<storage, read> segment_offsets: array<u32>;        // [sequences + 1]
@group(0) @binding(2) var positions: texture_storage_2d<rgba32float, read>;  // keys over queries: 2 * (2 * reach + 1) high, heads * head_dim / 4 wide
@group(0) @binding(3) var y: texture_storage_2d<rgba32float, write>;         // tokens high, heads * head_dim / 4 wide
@group(1) @binding(0) var<uniform> params: Params;

const LANES: u32 = 8u;
const ROWS: u32 = 16u;  // queries of a tile, a multiple of LANES
const HEAD_DIM: u32 = 32u;
const VECTORS: u32 = HEAD_DIM / 4u;    // of a head's row
const ROW_GROUPS: u32 = ROWS / LANES;  // queries of a lane
const LOWEST: f32 = -3.4028235e38;

@compute @workgroup_size(LANES)
fn disentangled_attention_texture(
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
        let first_query = start + query_tile * ROWS;
        if first_query < end {
            let query_column = head * VECTORS;
            let key_column = (params.heads + head) * VECTORS;
            let value_column = (2u * params.heads + head) * VECTORS;
            let entries = 2u * params.reach + 1u;

            // Lane l holds queries l, l + LANES, …; queries past the end repeat the last one.
            var query: array<array<vec4<f32>, VECTORS>, ROW_GROUPS>;
            for (var g = 0u; g < ROW_GROUPS; g++) {
                let row = min(first_query + g * LANES + lane, end - 1u);
                for (var v = 0u; v < VECTORS; v++) { query[g][v] = textureLoad(qkv, vec2(query_column + v, row)); }
            }

            var context: array<array<vec4<f32>, VECTORS>, ROW_GROUPS>;
            var weights: array<array<f32, LANES>, ROW_GROUPS>;  // scores first
            var entry: array<array<u32, LANES>, ROW_GROUPS>;    // of the keys, as this lane's queries see them
            var row_max: array<f32, ROW_GROUPS>;
            var row_sum: array<f32, ROW_GROUPS>;
            for (var g = 0u; g < ROW_GROUPS; g++) { row_max[g] = LOWEST; }
            for (var first_key = start; first_key < end; first_key += LANES) {
                let row = min(first_key + lane, end - 1u);
                for (var g = 0u; g < ROW_GROUPS; g++) {
                    let first_entry = i32(first_key + params.reach) - i32(first_query + g * LANES + lane);
                    for (var l = 0u; l < LANES; l++) {
                        weights[g][l] = 0.0;
                        entry[g][l] = u32(clamp(first_entry + i32(l), 0, 2 * i32(params.reach)));
                    }
                }
                for (var v = 0u; v < VECTORS; v++) {
                    let keys = textureLoad(qkv, vec2(key_column + v, row));
                    for (var l = 0u; l < LANES; l++) {
                        let key = subgroupShuffle(keys, l);
                        for (var g = 0u; g < ROW_GROUPS; g++) {
                            let position_key = textureLoad(positions, vec2(query_column + v, entry[g][l]));
                            let position_query = textureLoad(positions, vec2(query_column + v, entries + entry[g][l]));
                            weights[g][l] += dot(query[g][v], key + position_key) + dot(position_query, key);
                        }
                    }
                }

                for (var g = 0u; g < ROW_GROUPS; g++) {
                    var new_max = row_max[g];
                    for (var l = 0u; l < LANES; l++) {
                        let score = weights[g][l] * (params.scale * 1.442695);  // log2(e), for exp2
                        weights[g][l] = select(LOWEST, score, first_key + l < end);
                        new_max = max(new_max, weights[g][l]);
                    }
                    let rescale = exp2(row_max[g] - new_max);
                    row_max[g] = new_max;
                    row_sum[g] *= rescale;
                    for (var v = 0u; v < VECTORS; v++) { context[g][v] *= rescale; }
                    for (var l = 0u; l < LANES; l++) {
                        weights[g][l] = exp2(weights[g][l] - new_max);  // 0 past the end
                        row_sum[g] += weights[g][l];
                    }
                }

                for (var v = 0u; v < VECTORS; v++) {
                    let values = textureLoad(qkv, vec2(value_column + v, row));
                    for (var l = 0u; l < LANES; l++) {
                        let value = subgroupShuffle(values, l);
                        for (var g = 0u; g < ROW_GROUPS; g++) {
                            context[g][v] = fma(vec4(weights[g][l]), value, context[g][v]);
                        }
                    }
                }
            }

            for (var g = 0u; g < ROW_GROUPS; g++) {
                let row = first_query + g * LANES + lane;
                let factor = 1.0 / row_sum[g];
                if row < end {
                    for (var v = 0u; v < VECTORS; v++) {
                        textureStore(y, vec2(query_column + v, row), context[g][v] * factor);
                    }
                }
            }
        }
    }
}
