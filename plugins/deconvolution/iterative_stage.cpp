#include "iterative_stage.h"

#include <algorithm>
#include <optional>

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <pellucid/numerics/border.h>

#include "items.h"

namespace pellucid {
namespace {

using Sizes = std::vector<std::int64_t>;

BlurGrid grid_of(const Inputs& in) {
  const ConvolutionOperator& a = in[IterativeStage::A];
  return {a, last_sizes(in.spec(IterativeStage::y).shape, a.kernel_size().size())};
}

std::vector<Column> columns_of(const Inputs& in, const char* objective) {
  return history_columns(in.has(IterativeStage::reference), in.spec(IterativeStage::y).unit,
                         objective);
}

/// Of a kernel, or one of each channel (channels, sizes...).
void require_some_kernel(const Tensor& kernel, std::size_t axes, std::int64_t number) {
  require_finite(kernel, "kernel", number);
  if (!planes_of(kernel, axes).flatten(1).ne(0).any(1).all().item<bool>())
    throw Error("the kernel of item " + std::to_string(number) +
                " is 0 everywhere, so 'y' says nothing of 'x'; give another kernel to 'A'");
}

/// Images of y in the window of x, their border samples repeated beyond them.
Tensor data_start(const Tensor& images, const BlurGrid& grid) {
  Sizes before, after;
  for (std::size_t axis = 3 - grid.sizes.size(); axis < 3; ++axis) {
    before.push_back(grid.y.offset[axis]);
    after.push_back(grid.x.sizes[axis] - grid.y.sizes[axis] - grid.y.offset[axis]);
  }
  return extended(images, before, after, Boundary::replicate);
}

/// sum(A* 1) of each kernel, 0 where that is rounding.
Tensor held_in_all(const GriddedBlur& blur, const Tensor& kernel) {
  const Tensor total = blur.adjoint_of_ones().flatten(1).sum(1, false, at::kDouble);
  const Tensor most = planes_of(kernel, blur.grid().sizes.size()).abs().flatten(1).sum(1) *
                      double(blur.grid().y.samples());
  const double share = kernel.scalar_type() == at::kDouble ? 1e-12 : 1e-5;
  return at::where(total.abs() > share * most, total, 0.0);
}

/// The constant of each plane of y that has its flux, or 0 without `held`: (planes, sizes...).
Tensor constant_start(const Tensor& images, const Tensor& held, Sizes sizes) {
  sizes.insert(sizes.begin(), images.size(0));
  if (!held.defined()) return at::zeros({}, images.options()).expand(sizes);
  const Tensor total = images.flatten(1).sum(1, false, at::kDouble);
  const Tensor own = held.repeat({total.size(0) / held.size(0)});
  Sizes planes(sizes.size(), 1);
  planes[0] = images.size(0);
  return at::where(own != 0, total / own, 0.0).to(images.scalar_type()).view(planes).expand(sizes);
}

}  // namespace

std::vector<std::pair<std::string, Start>> enumerators(Start) {
  return {{"constant", Start::constant}, {"data", Start::data}, {"zero", Start::zero}};
}

const Ports& IterativeStage::ports() {
  static const Ports all{y, A, init, reference, x, history};
  return all;
}

void IterativeStage::infer(const Inputs& in, Specs& out) const {
  require_real(in.spec(y));
  if (in.spec(y).item_numel() == 0)
    throw ShapeError("'y' must have at least one sample, got " + in.spec(y).text());
  const Spec spec = in[A].domain(in.spec(y));
  for (const In<Tensor>* port : {&init, &reference})
    if (in.has(*port)) require_like_x(in.spec(*port), port->name, spec);
  out[x] = spec;
  out[history] = {spec.items, course().rows(), columns_of(in, objective())};
}

void IterativeStage::prepare(const Inputs& in, Context&) {
  if (in.find(y.name) && in.find(A.name)) grid_of(in).filter(in.spec(y).dtype);  // plans it
}

void IterativeStage::process(const Inputs& in, Outputs& out, Context& context) const {
  const at::NoGradGuard no_grad;
  const Tensor measured = in[y].cpu().contiguous();
  const BlurGrid grid = grid_of(in);
  const std::size_t axes = grid.sizes.size();
  const Tensor& kernel = in[A].kernel();
  const Tensor transfer = in[A].transfer(grid.sizes, measured.scalar_type()).cpu();
  Sizes shape = in[A].domain(in.spec(y)).shape;
  shape.insert(shape.begin(), measured.size(0));
  Tensor estimates;  // once the first item is done, which needs the memory
  Table table(columns_of(in, objective()));

  const auto images_of = [&](const In<Tensor>& port, std::int64_t row, std::int64_t number) {
    const Tensor images = planes_of(in[port][in[port].size(0) == 1 ? 0 : row].cpu(), axes);
    require_finite(images, port.name, number);
    return images;
  };

  std::optional<GriddedBlur> blur;
  MethodOf method_of_item;
  Tensor held;  // where the start is a constant other than 0
  for (std::int64_t row = 0; row < measured.size(0); ++row) {
    const std::int64_t number = in.item(row);
    if (!blur || transfer.size(0) > 1) {
      const std::int64_t own = transfer.size(0) == 1 ? 0 : row;
      const Tensor taps = kernel[own].cpu();
      require_some_kernel(taps, axes, number);
      method_of_item = nullptr;  // before its blur
      blur.emplace(grid, transfer[own], measured.scalar_type());
      method_of_item = method_of(*blur, taps, number);
      if (!in.has(init) && how_.start == Start::constant) held = held_in_all(*blur, taps);
    }
    IteratedItem item{planes_of(measured[row], axes), {}, number};
    require_finite(item.y, "y", number);
    if (in.has(init)) {
      item.start = images_of(init, row, number);
    } else if (how_.start == Start::data) {
      item.start = data_start(item.y, grid);
    } else {
      item.start = constant_start(item.y, held, last_sizes(shape, axes));
    }
    const Tensor truth = in.has(reference) ? images_of(reference, row, number) : Tensor{};
    const std::unique_ptr<Method> method = method_of_item(item);
    item.start.reset();
    iterate(*method, course(), item.y, truth, number, context, table);
    if (!estimates.defined()) estimates = at::empty(shape, measured.options());
    planes_of(estimates[row], axes).copy_(method->estimate());
  }
  if (!estimates.defined()) estimates = at::empty(shape, measured.options());
  out[x] = estimates.to(in[y].device());
  out[history] = std::move(table);
}

std::int64_t IterativeStage::working_bytes(const Inputs& in) const {
  const Spec& spec = in.spec(y);
  const BlurGrid grid = grid_of(in);
  const std::int64_t planes = spec.item_numel() / std::max<std::int64_t>(1, grid.y.samples());
  const Spec kernel = in[A].kernel_spec();
  const std::int64_t items = std::min(kernel.items, std::max<std::int64_t>(1, spec.items));
  // What makes the transfer functions, and the constant start, takes three more for each kernel.
  const auto [of_plane, of_kernel] = memory();
  const std::int64_t volumes =
      of_plane * planes + (items + std::max<std::int64_t>(3, of_kernel)) * kernel.shape.front();
  const Spec compared = in.has(reference) ? in.spec(reference) : Spec{};
  return volumes * grid.bytes(spec.dtype) + 2 * spec.item_bytes() +
         iteration_bytes(course(), spec, in.has(reference) ? &compared : nullptr);
}

}  // namespace pellucid
