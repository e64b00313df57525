// Operators: forward models of imaging, as objects of a pipeline.
#pragma once

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/component.h>

namespace pellucid {

/// A map y = A(x) between items. The first axis of a tensor counts items; what other axes mean is
/// said by the spec that `range` was given.
///
/// Authors write `range`, `forward` and a vector-Jacobian product (or, for linear operators, an
/// adjoint); callers use `apply`, which is differentiable through what the author wrote.
class PELLUCID_EXPORT Operator : public Object {
 public:
  /// Spec of A(x). Throws ShapeError for an x that `forward` would refuse.
  virtual Spec range(const Spec& x) const = 0;
  /// Spec of x for a given y. By default y itself if `range(y)` equals y; otherwise an error that
  /// should name the setting that decides.
  virtual Spec domain(const Spec& y) const;

  virtual Tensor forward(const Tensor& x) const = 0;
  /// J(x)^H v: the gradient of Re <A(x), v> with respect to x.
  virtual Tensor vjp(const Tensor& x, const Tensor& v) const = 0;

  /// A(x), recorded by autograd where x wants gradients.
  Tensor apply(const Tensor& x) const;

  /// As Stage::halo, for callers that apply the operator in tiles.
  virtual std::optional<std::vector<std::int64_t>> halo(const Spec& x) const;
  /// As Worker::working_bytes, for one `forward` on a block of this spec.
  virtual std::int64_t working_bytes(const Spec& x) const;
};

/// How an iterative solution is found: from where, and how far.
struct Solve {
  double tolerance = 1e-6;  ///< of the residual, relative to the right-hand side
  std::int64_t iterations = 500;
  Tensor start = {};  ///< zeros where undefined
};

/// A linear map with its exact adjoint: <A x, y> = <x, A* y>, boundaries included.
class PELLUCID_EXPORT LinearOperator : public Operator {
 public:
  virtual Tensor adjoint(const Tensor& y) const = 0;
  Tensor vjp(const Tensor& x, const Tensor& v) const final;
  /// A* y, recorded by autograd (its own gradient is A).
  Tensor apply_adjoint(const Tensor& y) const;

  /// The largest singular value on items of this spec, the largest over its items where they have
  /// kernels, masks or coils of their own. By default 30 power iterations on A*A from a fixed
  /// start: a lower bound. For n numbers an item its square falls short by a share of
  /// 0.871 ln(n) / 29 at most on average over starts (J. Kuczynski, H. Wozniakowski, SIAM J. Matrix
  /// Anal. Appl. 13:1094-1122, 1992, doi:10.1137/0613066), and by much less where the largest
  /// singular value stands apart. Callers that need an upper bound, as for a step size, take 1.3
  /// times it.
  virtual double norm(const Spec& x) const;

  /// Solves (A*A + weight I) x = b per item, weight >= 0. By default conjugate gradients until the
  /// residual is below `how.tolerance` times |b|, at most `how.iterations` steps; operators that
  /// diagonalise A*A override it. Without a weight, an A*A that has no inverse is left to
  /// conjugate gradients: they find the solution nearest to the start.
  virtual Tensor solve_normal(const Tensor& b, double weight, const Solve& how = {}) const;
};

/// How a convolution sees the world outside the image.
enum class Boundary {
  circular,   ///< d | a b c d | a
  reflect,    ///< c b | a b c d | c b: without repeating the edge
  replicate,  ///< a a | a b c d | d d
  zero,       ///< 0 0 | a b c d | 0 0
  valid,      ///< nothing: only where the kernel fits, so sizes shrink by the kernel's, less 1
};

/// "reflect".
PELLUCID_EXPORT const char* name_of(Boundary boundary);
/// All boundaries by name, so that settings can have one.
PELLUCID_EXPORT std::vector<std::pair<std::string, Boundary>> enumerators(Boundary);

/// True convolution of each channel with a kernel whose centre is at (size / 2) along each axis.
class PELLUCID_EXPORT ConvolutionOperator : public LinearOperator {
 public:
  ~ConvolutionOperator() override;

  virtual Boundary boundary() const = 0;
  /// What is known of the kernel while planning: as many items as x, or 1; shape (channels or 1,
  /// kernel size...), axes "chw" or "czyx".
  virtual Spec kernel_spec() const = 0;
  /// Sizes of the kernel along the convolved axes: (kh, kw) or (kz, ky, kx).
  std::vector<std::int64_t> kernel_size() const;
  /// (items or 1, channels or 1, kernel size...); once prepared.
  virtual const Tensor& kernel() const = 0;

  /// Transfer function of the circular convolution on a grid of `sizes`: the real FFT of the kernel
  /// with its centre moved to the origin, (items or 1, channels or 1, ..., last / 2 + 1), in the
  /// complex dtype of `real`. Kernels larger than the grid wrap around.
  Tensor transfer(at::IntArrayRef sizes, at::ScalarType real = at::kFloat) const;
};

/// Throws ConfigError: which boundaries the caller can work with, and which one the operator has.
PELLUCID_EXPORT void require_boundary(const ConvolutionOperator& blur,
                                      std::initializer_list<Boundary> accepted);
inline void require_boundary(const ConvolutionOperator& blur, Boundary accepted) {
  require_boundary(blur, {accepted});
}

}  // namespace pellucid
