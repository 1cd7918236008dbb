// MaxSim (ColBERT): y[s] = sum over queries of the maximum over the rows of sequence s of query . row.
// A sequence without rows gives zero.
// One workgroup per sequence. Tiles of TILE queries and TILE rows, counted from the sequence's start, are a small matrix
// product: 4 queries x 4 rows a lane, DEPTH columns at a time, which pass through workgroup memory. What the lanes of a
// query found is compared once all rows are through, so a sequence's result depends on itself and the queries alone.

struct Params {
    first_workgroup: u32,  // of those that run now
    sequences: u32,
    queries: u32,
    cols: u32,
}

@group(0) @binding(0) var<storage, read> queries: array<f32>;          // [queries, cols]
@group(0) @binding(1) var<storage, read> x: array<f32>;                // [tokens, cols]
@group(0) @binding(2) var<storage, read> segment_offsets: array<u32>;  // [sequences + 1]
@group(0) @binding(3) var<storage, read_write> y: array<f32>;          // [sequences]
@group(1) @binding(0) var<uniform> params: Params;

const GROUPS: u32 = 8u;                       // lanes that share a query, and lanes that share a row
const WORKGROUP_SIZE: u32 = GROUPS * GROUPS;
const TILE: u32 = 4u * GROUPS;
const DEPTH: u32 = 16u;
const STRIDE: u32 = GROUPS + 1u;              // so that lanes that write different columns meet different banks
const LOWEST: f32 = -3.4028235e38;

// [DEPTH][GROUPS], four queries or four rows a vector.
var<workgroup> query_tile: array<vec4<f32>, DEPTH * STRIDE>;
var<workgroup> row_tile: array<vec4<f32>, DEPTH * STRIDE>;
var<workgroup> largest: array<vec4<f32>, WORKGROUP_SIZE>;

fn query_at(query: u32, c: u32) -> f32 {
    var v = 0.0;
    if (query < params.queries) & (c < params.cols) { v = queries[query * params.cols + c]; }
    return v;
}

fn row_at(row: u32, end: u32, c: u32) -> f32 {
    var v = 0.0;
    if (row < end) & (c < params.cols) { v = x[row * params.cols + c]; }
    return v;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn max_sim(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) workgroups: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let sequence = params.first_workgroup + workgroup.x + workgroup.y * workgroups.x;
    if sequence < params.sequences {
        let start = segment_offsets[sequence];
        let end = segment_offsets[sequence + 1u];
        let query_group = lane / GROUPS;  // queries 4 * query_group..4 * query_group + 3 of a tile
        let row_group = lane % GROUPS;    // rows likewise

        var sum = vec4(0.0);              // over the tiles, of this lane's queries
        var scores: array<vec4<f32>, 4>;  // of a row, with four queries
        for (var first_query = 0u; first_query < params.queries; first_query += TILE) {
            var maximum = vec4(LOWEST);
            for (var first_row = start; first_row < end; first_row += TILE) {
                for (var r = 0u; r < 4u; r++) { scores[r] = vec4(0.0); }
                for (var first = 0u; first < params.cols; first += DEPTH) {
                    workgroupBarrier();
                    for (var i = lane; i < DEPTH * GROUPS; i += WORKGROUP_SIZE) {
                        let c = first + i % DEPTH;
                        let group = i / DEPTH;
                        let query = first_query + 4u * group;
                        let row = first_row + 4u * group;
                        let at = i % DEPTH * STRIDE + group;
                        query_tile[at] = vec4(query_at(query, c), query_at(query + 1u, c), query_at(query + 2u, c), query_at(query + 3u, c));
                        row_tile[at] = vec4(row_at(row, end, c), row_at(row + 1u, end, c), row_at(row + 2u, end, c), row_at(row + 3u, end, c));
                    }
                    workgroupBarrier();
                    for (var d = 0u; d < DEPTH; d++) {
                        let query = query_tile[d * STRIDE + query_group];
                        let row = row_tile[d * STRIDE + row_group];
                        for (var r = 0u; r < 4u; r++) { scores[r] = fma(query, vec4(row[r]), scores[r]); }
                    }
                }
                for (var r = 0u; r < 4u; r++) {
                    if first_row + 4u * row_group + r < end { maximum = max(maximum, scores[r]); }
                }
            }
            workgroupBarrier();
            largest[lane] = maximum;
            workgroupBarrier();
            for (var g = 0u; g < GROUPS; g++) { maximum = max(maximum, largest[query_group * GROUPS + g]); }
            sum += maximum;  // of queries past the last one zero, as all their products are
        }

        // Every lane of a group of queries has the same.
        workgroupBarrier();
        largest[lane] = sum;
        workgroupBarrier();
        if lane == 0u {
            var total = 0.0;
            for (var g = 0u; g < GROUPS; g++) {
                let four = largest[g * GROUPS];
                total += (four.x + four.y) + (four.z + four.w);
            }
            y[sequence] = select(total, 0.0, start == end);
        }
    }
}
