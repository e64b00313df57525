// parallel_beam: images summed along parallel rays, the adjoint of that, and what a filtered
// back-projection adds up.
#pragma once

#include <cstdint>
#include <vector>

#include <pellucid/operator.h>

namespace pellucid {

/// Rays through images of (height, width) pixels. The ray of angle t and bin s goes through the
/// points of row i and column j with
///
///   (j - width / 2) cos t - (i - height / 2) sin t = s - centre,   divisions rounded down:
///
/// at angle 0 rays run along columns and bins count columns; from there the detector turns
/// counterclockwise where rows are drawn downwards.
struct ParallelBeam {
  std::vector<double> angles;  // radians
  std::int64_t height;
  std::int64_t width;
  std::int64_t bins;
  double centre;  // the bin that the axis of rotation is seen in
};

/// Line integrals in pixel lengths, images (n, height, width) -> (n, angles, bins). Along rays that
/// are nearer to columns than to rows the image is interpolated in each row, else in each column
/// (P. M. Joseph, IEEE Trans. Med. Imaging 1(3):192-196, 1982, doi:10.1109/TMI.1982.4307572); it is
/// 0 outside. A projection has the same bits on any number of threads.
Tensor projected(const ParallelBeam& beam, const Tensor& images);

/// The exact adjoint of `projected`: the very same weights, (n, angles, bins) -> (n, height, width).
Tensor projected_adjoint(const ParallelBeam& beam, const Tensor& projections);

/// Sums of projections, interpolated where the ray of each pixel meets the detector: (n, angles,
/// bins) -> (n, height, width). Pixels that, by their distance from the axis, are not seen at every
/// angle are 0. Smoother than the adjoint, and not its equal.
Tensor back_projected(const ParallelBeam& beam, const Tensor& projections);

/// Bytes that each of these takes for `images` images of elements of `element` bytes.
std::int64_t working_bytes(const ParallelBeam& beam, std::int64_t images, std::int64_t element);

/// An operator that projects along parallel rays.
class ParallelProjection : public LinearOperator {
 public:
  /// Once prepared: the rays of projections of so many bins.
  virtual ParallelBeam beam(std::int64_t bins) const = 0;
};

}  // namespace pellucid
