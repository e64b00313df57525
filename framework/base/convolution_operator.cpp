// What all convolutions share: their boundaries' names and the transfer function.
#include <algorithm>

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/zeros.h>

#include <pellucid/numerics/fft.h>
#include <pellucid/operator.h>

namespace pellucid {

const char* name_of(Boundary boundary) {
  switch (boundary) {
    case Boundary::circular:
      return "circular";
    case Boundary::reflect:
      return "reflect";
    case Boundary::replicate:
      return "replicate";
    case Boundary::zero:
      return "zero";
    case Boundary::valid:
      return "valid";
  }
  return "unknown";
}

std::vector<std::pair<std::string, Boundary>> enumerators(Boundary) {
  std::vector<std::pair<std::string, Boundary>> all;
  for (const Boundary boundary : {Boundary::circular, Boundary::reflect, Boundary::replicate,
                                  Boundary::zero, Boundary::valid})
    all.emplace_back(name_of(boundary), boundary);
  return all;
}

ConvolutionOperator::~ConvolutionOperator() = default;

std::vector<std::int64_t> ConvolutionOperator::kernel_size() const {
  const Spec spec = kernel_spec();
  return last_sizes(spec.shape, spec.shape.size() - 1);
}

Tensor ConvolutionOperator::transfer(at::IntArrayRef sizes, at::ScalarType real) const {
  Tensor grid = kernel().to(real);
  const auto convolved = static_cast<std::int64_t>(sizes.size());
  if (grid.dim() != convolved + 2)
    throw ShapeError("a kernel of " + std::to_string(grid.dim() - 2) +
                     " axes has a transfer function on a grid of as many, got a grid of " +
                     shape_text(sizes));
  for (std::int64_t axis = 0; axis < convolved; ++axis) {
    const std::int64_t taps = grid.size(axis + 2), size = sizes[axis];
    std::vector<std::int64_t> shape = grid.sizes().vec();
    shape[axis + 2] = size;
    const Tensor place = (at::arange(taps, at::kLong) - taps / 2).remainder(size);
    grid = at::zeros(shape, grid.options()).index_add(axis + 2, place.to(grid.device()), grid);
  }
  return RealFft(sizes.vec(), real).forward(grid);
}

void require_boundary(const ConvolutionOperator& blur, std::initializer_list<Boundary> accepted) {
  if (std::find(accepted.begin(), accepted.end(), blur.boundary()) != accepted.end()) return;
  std::string names;
  for (const Boundary boundary : accepted)
    names += (names.empty() ? "" : " or ") + std::string(name_of(boundary));
  throw ConfigError("the boundary of the blur must be " + names + ", got " +
                    name_of(blur.boundary()));
}

}  // namespace pellucid
