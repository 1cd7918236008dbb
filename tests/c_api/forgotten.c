/* Frees none of ten handles: what the other programs must not do, for the leak checker to see. */

#include "wgformer.h"

int main(void)
{
    for (int i = 0; i < 10; i++) {
        (void)wgformer_embedder_options_new();
    }
    return 0;
}
