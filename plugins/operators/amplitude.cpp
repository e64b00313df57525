// amplitude: what a camera sees of a complex field: y = |A x|, for phase retrieval.
//
//   forward    y = sqrt(|A x|^2 + epsilon^2)                         x: as A takes it; y: real
//   gradient   J(x)^H v = A* (v z / y), z = A x; 0 where y is 0
//
// Inputs
//   A   the linear operator before the camera, e.g. propagation or mri (a Fourier transform)
// Settings (keys in a pipeline file)
//   epsilon   in the unit of y, >= 0; rounds off the tip of |z| at 0, where it has no gradient and
//             0, one of its subgradients, stands in                            default 0
//   complex   x is real and becomes complex before A, for A that take complex fields only; the
//             gradient is the real part of the above                           default false
//
// Errors
//   ShapeError   A does not take x; with `complex` x is not real (while planning)
//
// Accuracy  y does not change when all of z turns by a phase, so that x is found up to that phase,
//           and up to a shift and a mirror image where A is a Fourier transform [1]; coded masks or
//           several planes tell them apart.
// Cost      that of A; of the gradient one forward and one adjoint of A.
//
// [1] J. R. Fienup, Appl. Opt. 21:2758-2769, 1982, doi:10.1364/AO.21.002758.

#include <cmath>

#include <ATen/ATen.h>

#include <pellucid/plugin.h>

#include "each_item.h"

namespace pellucid {
namespace {

class Amplitude final : public Operator {
 public:
  struct Settings {
    double epsilon = 0;  // unit of y
    bool complex = false;
  };

  static const Schema<Settings>& schema() {
    static const Schema<Settings> rows{
        {"epsilon", &Settings::epsilon, "", "rounds off |z| at 0, unit of y", at_least(0)},
        {"complex", &Settings::complex, "", "x is real and becomes complex before A"},
    };
    return rows;
  }

  static constexpr In<LinearOperator> A{"A", "the linear operator before the camera"};
  static const Ports& ports() {
    static const Ports all{A};
    return all;
  }

  explicit Amplitude(Settings settings) : settings_(settings) {}

  void bind(const Inputs& in) override { take(in); }
  void prepare(const Inputs& in, Context&) override { take(in); }

  Spec range(const Spec& x) const override {
    if (settings_.complex) require_real(x);
    Spec y = a_->range(field_spec(x));
    y.dtype = c10::toRealValueType(y.dtype);
    return y;
  }

  Spec domain(const Spec& y) const override {
    require_real(y);
    Spec x = y;
    x.dtype = c10::toComplexType(y.dtype);
    x = a_->domain(x);
    if (settings_.complex) x.dtype = y.dtype;
    return x;
  }

  Tensor forward(const Tensor& x) const override { return magnitude(a_->forward(field_of(x))); }

  Tensor vjp(const Tensor& x, const Tensor& v) const override {
    const Tensor z = a_->forward(field_of(x));
    const Tensor y = magnitude(z);
    const Tensor towards = each_item(z.size(0), z.sizes().slice(1), z.options(), [&](auto item) {
      if (settings_.epsilon == 0) return z[item].sgn() * v[item];
      return z[item] * (v[item] / y[item]);
    });
    const Tensor gradient = a_->adjoint(towards);
    return settings_.complex ? at::real(gradient).contiguous() : gradient;
  }

  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override {
    return a_->halo(field_spec(x));
  }
  std::int64_t working_bytes(const Spec& x) const override {
    const Spec field = field_spec(x);
    return a_->working_bytes(field) + field.bytes() + 2 * a_->range(field).bytes();
  }

 private:
  void take(const Inputs& in) {
    a_ = std::dynamic_pointer_cast<const LinearOperator>(in.find(A.name)->object);
  }

  Spec field_spec(const Spec& x) const {
    Spec field = x;
    if (settings_.complex) field.dtype = c10::toComplexType(x.dtype);
    return field;
  }

  Tensor field_of(const Tensor& x) const {
    return settings_.complex ? at::complex(x, at::zeros_like(x)) : x;
  }

  Tensor magnitude(const Tensor& z) const {
    return each_item(z.size(0), z.sizes().slice(1),
                     z.options().dtype(c10::toRealValueType(z.scalar_type())), [&](auto item) {
                       const Tensor y = z[item].abs();
                       if (settings_.epsilon == 0) return y;
                       return at::hypot(y, at::full_like(y, settings_.epsilon));
                     });
  }

  Settings settings_;
  std::shared_ptr<const LinearOperator> a_;
};

}  // namespace

PELLUCID_COMPONENT(Amplitude, "The magnitudes that a camera sees of a complex field");

}  // namespace pellucid
