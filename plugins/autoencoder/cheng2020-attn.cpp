// cheng2020-attn: images whose latents are normal, with means and scales that a second latent and
// their neighbours tell.
//
//   x = D(z), energy -log p(z, h) in nats, without rounding, by the network of that name in
//   CompressAI:
//     E   residual blocks of 3x3 convolutions, N channels, four of stride 2, and two attention
//         blocks; D mirrors it with sub-pixel convolutions
//     H   convolutions of z, two of them of stride 2, all 3x3; mirrored for what h tells
//     p   a normal distribution for each latent, told by h and a 5x5 convolution of the latents
//         above and to the left
//   encode   z = E(x), h = H(z)
//   x        (n, c, h, w), [0, 1], float32 or float64, of any size: the network gets it continued
//            by its border to multiples of 64, and what it decodes is cut back
//   z        (n, N, h/16, w/16), h (n, N, h/64, w/64), of the sides so continued
//   posterior: uniform, of width 1 at the start. N is that of the weights.
//
// Settings (keys in a pipeline file)
//   weights         file with the keys of CompressAI: .h5, .safetensors, .pth or .pth.tar,
//                   required
//   channels [1]    of the images, 1 or 3: a grey image is given to the network thrice, and of
//                   what it decodes the mean is taken; default 3
//   precision       of the convolutions: float32 for the dtype of the images, or bfloat16, which
//                   has 8 binary digits and is slower on a CPU without it; default float32
//   deviation       file of a second decoder V, keys g_s.0.weight or 0.weight, ...: the standard
//                   deviation of x is then sigmoid(V(z)) + 2e-4 (VBLE-xz)
//
// Errors
//   ConfigError  the weights are of another architecture, which is named; a key is missing, of
//                another shape, or unknown
//   ShapeError   x is not real, not "chw" or has other channels (while planning)
//   Error        a file is truncated, of no such format, or holds a number that is not finite
//
// Accuracy  likelihoods are 1e-9 at least; scales 0.11 at least.
// Cost      that of D, several times that of mbt2018 at equal N. Memory: the weights in float32.
//
// Z. Cheng, H. Sun, M. Takeuchi, J. Katto, arXiv 2001.01568; without its mixture of distributions.

#include <pellucid/plugin.h>

#include "compressive_prior.h"

namespace pellucid {

PELLUCID_COMPONENT(PriorOf<Architecture::attention>,
                   "Prior: as mbt2018, with residual blocks and attention");

}  // namespace pellucid
