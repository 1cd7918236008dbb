// Nothing but multiply-adds: eight chains of four a lane, LOOPS times over. The result keeps them from being left out.

override LOOPS: u32;
override SCALE: f32;  // below 1, so that no chain leaves the range

@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;

@compute @workgroup_size(64)
fn arithmetic(@builtin(global_invocation_id) id: vec3<u32>) {
    let start = vec4(f32(id.x), f32(id.y), 1.0, 2.0);
    var a = start;
    var b = start + 1.0;
    var c = start + 2.0;
    var d = start + 3.0;
    var e = start + 4.0;
    var f = start + 5.0;
    var g = start + 6.0;
    var h = start + 7.0;
    let scale = vec4(SCALE);
    for (var i = 0u; i < LOOPS; i += 1u) {
        a = fma(a, scale, start);
        b = fma(b, scale, start);
        c = fma(c, scale, start);
        d = fma(d, scale, start);
        e = fma(e, scale, start);
        f = fma(f, scale, start);
        g = fma(g, scale, start);
        h = fma(h, scale, start);
    }
    y[id.x] = a + b + c + d + e + f + g + h;
}
