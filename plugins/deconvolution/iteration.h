// iteration: what the iterative methods share: when an item is done, and the history of its way.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <pellucid/context.h>
#include <pellucid/schema.h>
#include <pellucid/spec.h>

namespace pellucid {

/// Rules that end the iteration of an item before its last; without any it goes to the end.
///
///   tolerance   |x' - x| <= tolerance |x'|
///   noise       |A x - y| <= tau noise sqrt(n), n samples of y: the discrepancy principle [1]
///   whiteness   the residual is white but for this: with its periodogram summed up from low to high
///               frequencies, c(f), and the share of frequencies up to f in all, s(f), both 1 at the
///               end, max c - s <= whiteness. White noise stays below 1.36 / sqrt(n / 2) with a
///               probability of 0.95 [2]. What is left of a signal, at low frequencies, lies above.
///               Looked at with each row of the history.
///   time        of one item; what is found then depends on the machine
///
/// [1] V. A. Morozov, Soviet Math. Dokl. 7:414-417, 1966. [2] P. C. Hansen, M. E. Kilmer,
/// R. H. Kjeldsen, BIT Numer. Math. 46:41-59, 2006, doi:10.1007/s10543-006-0042-7.
struct Stop {
  double tolerance = 0;
  std::optional<double> noise;  // unit of y
  double tau = 1;
  std::optional<double> whiteness;
  std::optional<double> time;  // s
  static const Schema<Stop>& schema();
};

/// How long an item is iterated, and how often that is written down.
struct Course {
  std::int64_t iterations;
  std::int64_t every;
  Stop stop;

  /// Rows of the history of an item, at most.
  std::int64_t rows() const { return iterations / every + 2; }
};

/// One item of an iterative method. Images are tensors (planes, sizes...).
class Method {
 public:
  struct Change {
    double change;  ///< |x' - x|
    double size;    ///< |x'|
  };

  virtual ~Method() = default;
  /// Applies A to the estimate and returns |A x - y|. Where `residual` is defined, A x - y goes there,
  /// sizes of y.
  virtual double measure(const Tensor& residual) = 0;
  /// What is minimised, of the estimate that was measured.
  virtual double objective() const = 0;
  /// The next estimate, from what was measured.
  virtual Change step() = 0;
  /// Sizes of x; may be a view.
  virtual Tensor estimate() const = 0;
};

/// Columns of a history: iteration, objective, residual, psnr where there is a reference, stopped.
std::vector<Column> history_columns(bool with_reference, const std::string& unit,
                                    const char* objective);

/// Iterates until a rule or the last iteration ends it, and adds a row to `history` for every
/// `course.every` iterations and for the last. `y` is (planes, sizes...), `reference` what the
/// estimate is compared with, undefined where there is none:
///   psnr = 10 log10(range^2 / mean (x - reference)^2), range its largest value less its smallest.
/// Throws Error, with item and iteration, where the objective, the residual or the estimate is not
/// finite, or the residual has grown to more than 100 times the larger of |y| and of its first value.
void iterate(Method& method, const Course& course, const Tensor& y, const Tensor& reference,
             std::int64_t item, Context& context, Table& history);

/// Bytes that `iterate` allocates for an item of y, and the reference where there is one.
std::int64_t iteration_bytes(const Course& course, const Spec& y, const Spec* reference);

}  // namespace pellucid
