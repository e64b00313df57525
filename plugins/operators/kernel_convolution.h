// kernel_convolution: what every convolution with given kernels does, direct or by FFT.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <pellucid/operator.h>
#include <pellucid/schema.h>

#include "direct_convolution.h"
#include "fft_convolution.h"
#include "kernels.h"

namespace pellucid {

/// How a convolution is computed.
enum class ConvolutionMethod { automatic, direct, fft };

std::vector<std::pair<std::string, ConvolutionMethod>> enumerators(ConvolutionMethod);

/// How a convolution is done, whatever its kernels are; settings of such operators derive from it.
struct ConvolutionSettings {
  Boundary boundary = Boundary::reflect;
  std::int64_t dimensions = 2;
  bool normalize = true;
  ConvolutionMethod method = ConvolutionMethod::automatic;
};

/// Its rows in the schema of `Settings`.
template <class Settings>
struct ConvolutionRows {
  using Row = typename Schema<Settings>::Row;

  Row boundary{"boundary", of(&ConvolutionSettings::boundary), "",
               "how images go on beyond their edges"};
  Row dimensions{"dimensions", of(&ConvolutionSettings::dimensions), "1",
                 "how many of the last axes are convolved", within(2, 3)};
  Row normalize{"normalize", of(&ConvolutionSettings::normalize), "",
                "divide each kernel by its sum"};
  Row method{"method", of(&ConvolutionSettings::method), "", "how it is computed"};

 private:
  template <class Member>
  static Member Settings::*of(Member ConvolutionSettings::*member) {
    return member;
  }
};

/// Convolves the last 2 or 3 axes of items (..., channels, sizes...). Whoever owns it says what the
/// kernels' sizes are while planning, and then gives their values.
class KernelConvolution : public ConvolutionOperator {
 public:
  explicit KernelConvolution(const ConvolutionSettings& how)
      : boundary_(how.boundary), dimensions_(how.dimensions), method_(how.method) {}

  void set_shape(KernelShape shape) { shape_ = std::move(shape); }
  /// Arrays (items or 1, channels or 1, sizes...) whose product is the kernel, float64.
  void set_factors(std::vector<Tensor> factors);

  Boundary boundary() const final { return boundary_; }
  const Tensor& kernel() const final { return kernel_; }
  Spec kernel_spec() const final;
  std::int64_t resident_bytes() const override;

  Spec range(const Spec& x) const override;
  Spec domain(const Spec& y) const override;
  Tensor forward(const Tensor& x) const override;
  Tensor adjoint(const Tensor& y) const override;
  std::optional<std::vector<std::int64_t>> halo(const Spec& x) const override;
  std::int64_t working_bytes(const Spec& x) const override;
  double norm(const Spec& x) const override;
  Tensor solve_normal(const Tensor& b, double weight, const Solve& how) const override;

 protected:
  std::size_t axes() const { return static_cast<std::size_t>(dimensions_); }

 private:
  using Sizes = std::vector<std::int64_t>;

  /// Images as (rows, channels, sizes...); the rows of an item follow one another.
  struct Stack {
    std::int64_t rows;
    std::int64_t channels;
    Sizes sizes;

    Sizes shape(const Sizes& of_images) const;
  };

  Stack stack_of(at::IntArrayRef shape) const;
  Stack fitting_stack_of(const Tensor& tensor) const;
  static std::int64_t rows_at_once(const Stack& stack);
  ConvolutionMethod method_for(const Sizes& sizes) const;
  Sizes sizes_of_result(const Sizes& sizes) const;
  Sizes sizes_of_argument(const Sizes& sizes) const;
  void forward_direct(const Tensor& x, std::int64_t item, const Tensor& y) const;
  void adjoint_direct(const Tensor& y, std::int64_t item, const Tensor& x) const;
  /// Calls `apply(part, item, result)` on parts of a tensor that share a kernel and fit into the
  /// processor's cache. Parts change no bit: every image is computed alike.
  template <class Apply>
  Tensor each_part(const Tensor& tensor, const Sizes& sizes_of_results, Apply apply) const;

  Boundary boundary_;
  std::int64_t dimensions_;
  ConvolutionMethod method_;
  KernelShape shape_;
  /// Convolved with one after the other; items are still the first axis.
  std::vector<DirectKernel> steps_;
  Tensor kernel_;
  FftConvolution fft_{*this};
};

}  // namespace pellucid
