#include "conformance/results.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include <ATen/ATen.h>

#include "conformance/check.h"

namespace pellucid::conformance {
namespace {

std::string place_text(const Tensor& tensor, std::int64_t flat) {
  std::vector<std::int64_t> place;
  for (std::int64_t axis = tensor.dim(); axis-- > 0;) {
    place.insert(place.begin(), flat % tensor.size(axis));
    flat /= tensor.size(axis);
  }
  std::string text;
  for (const std::int64_t index : place) text += (text.empty() ? "" : ", ") + std::to_string(index);
  return "[" + text + "]";
}

Tensor in_double(const Tensor& tensor) {
  return tensor.is_complex() ? at::view_as_real(tensor.to(at::kComplexDouble).resolve_conj())
                             : tensor.to(at::kDouble);
}

std::string difference_of(const std::string& port, const Tensor& expected, const Tensor& found,
                          double tolerance) {
  if (expected.sizes() != found.sizes())
    return "'" + port + "' is " + shape_text(found.sizes()) + " instead of " +
           shape_text(expected.sizes());
  if (expected.numel() == 0) return {};
  const Tensor a = in_double(expected), b = in_double(found);
  const Tensor usual = a.isfinite();
  const Tensor same = (a == b).logical_or(a.isnan().logical_and(b.isnan()));
  const double largest = at::where(usual, a.abs(), 0.0).max().item<double>();
  Tensor gap = at::where(same, 0.0, (a - b).abs()).nan_to_num(INFINITY, INFINITY);
  const std::int64_t worst = gap.argmax().item<std::int64_t>();
  const double most = gap.flatten()[worst].item<double>();
  if (most <= tolerance * largest) return {};
  return "'" + port + "' is " + number(b.flatten()[worst].item<double>()) + " instead of " +
         number(a.flatten()[worst].item<double>()) + " at " + place_text(a, worst);
}

/// Rows of one item stay in their order; that of the items follows from the blocks.
Table by_item(const Table& table) {
  std::vector<std::int64_t> order(static_cast<std::size_t>(table.rows()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&table](std::int64_t a, std::int64_t b) {
    return table.item(a) < table.item(b);
  });
  Table sorted(table.columns());
  for (const std::int64_t row : order) {
    std::vector<Cell> cells;
    for (std::size_t column = 0; column < table.columns().size(); ++column)
      cells.push_back(table.cell(row, static_cast<std::int64_t>(column)));
    sorted.add(table.item(row), std::move(cells));
  }
  return sorted;
}

std::string difference_of(const std::string& port, const Table& expected, const Table& found,
                          double tolerance) {
  if (expected.rows() != found.rows())
    return "'" + port + "' has " + std::to_string(found.rows()) + " rows instead of " +
           std::to_string(expected.rows());
  for (std::size_t column = 0; column < expected.columns().size(); ++column) {
    const Column& meant = expected.columns()[column];
    double largest = 0;
    if (meant.type == Column::Type::real)
      for (const double value : expected.reals(meant.name))
        if (std::isfinite(value)) largest = std::max(largest, std::abs(value));
    for (std::int64_t row = 0; row < expected.rows(); ++row) {
      const Cell a = expected.cell(row, static_cast<std::int64_t>(column));
      const Cell b = found.cell(row, static_cast<std::int64_t>(column));
      bool same = a == b && expected.item(row) == found.item(row);
      if (const auto* x = std::get_if<double>(&a); x && std::holds_alternative<double>(b)) {
        const double y = std::get<double>(b);
        same = expected.item(row) == found.item(row) &&
               (*x == y || (std::isnan(*x) && std::isnan(y)) ||
                std::abs(*x - y) <= tolerance * largest);
      }
      if (!same)
        return "'" + port + "' differs in row " + std::to_string(row) + ", column '" + meant.name +
               "'";
    }
  }
  return {};
}

}  // namespace

void require_promised(const Promises& promised, const Results& results, const Block& block,
                      std::int64_t items) {
  for (const auto& [port, promise] : promised) {
    const auto found = results.find(port);
    if (const auto* rows = std::get_if<TableSpec>(&promise)) {
      const auto* table = found == results.end() ? nullptr : std::get_if<Table>(&found->second);
      if (!table) throw Fault("'" + port + "' was inferred as a table and was not set");
      if (table->columns() != rows->columns)
        throw Fault("'" + port + "' was inferred as " + rows->text() + " and has other columns");
      const bool one = rows->items != items;
      const std::int64_t most = (one ? rows->items : block.count) * rows->rows_per_item;
      if (table->rows() > most)
        throw Fault("'" + port + "' was inferred with at most " + std::to_string(most) +
                    " rows and has " + std::to_string(table->rows()));
      for (std::int64_t row = 0; row < table->rows() && !one; ++row)
        if (table->item(row) < block.first || table->item(row) >= block.first + block.count)
          throw Fault("'" + port + "' must speak of the items " + std::to_string(block.first) +
                      " to " + std::to_string(block.first + block.count - 1) +
                      ", and has a row of item " + std::to_string(table->item(row)));
      continue;
    }
    const auto& spec = std::get<Spec>(promise);
    const auto* tensor = found == results.end() ? nullptr : std::get_if<Tensor>(&found->second);
    if (!tensor || !tensor->defined())
      throw Fault("'" + port + "' was inferred as " + spec.text() + " and was not set");
    std::vector<std::int64_t> shape{spec.items == items ? block.count : spec.items};
    shape.insert(shape.end(), spec.shape.begin(), spec.shape.end());
    if (block.region)
      for (std::size_t a = 0; a < block.region->size.size() && a + 1 < shape.size(); ++a)
        if (shape[a + 1] == block.region->whole[a]) shape[a + 1] = block.region->size[a];
    if (tensor->sizes() != at::IntArrayRef(shape))
      throw Fault("'" + port + "' was inferred as " + shape_text(shape) + " and is " +
                  shape_text(tensor->sizes()));
    if (tensor->scalar_type() != spec.dtype)
      throw Fault("'" + port + "' was inferred as " + dtype_name(spec.dtype) + " and is " +
                  dtype_name(tensor->scalar_type()));
  }
}

std::string difference(const Results& expected, const Results& found, double tolerance) {
  for (const auto& [port, value] : expected) {
    const auto other = found.find(port);
    if (other == found.end()) return "'" + port + "' is missing";
    std::string said;
    if (const auto* tensor = std::get_if<Tensor>(&value))
      said = difference_of(port, *tensor, std::get<Tensor>(other->second), tolerance);
    else
      said = difference_of(port, by_item(std::get<Table>(value)),
                           by_item(std::get<Table>(other->second)), tolerance);
    if (!said.empty()) return said;
  }
  return {};
}

std::string nonfinite(const Results& results) {
  for (const auto& [port, value] : results) {
    const auto* tensor = std::get_if<Tensor>(&value);
    if (!tensor || tensor->numel() == 0) continue;
    const Tensor bad = in_double(*tensor).isfinite().logical_not();
    if (bad.any().item<bool>())
      return "'" + port + "' is not finite at " +
             place_text(bad, bad.to(at::kInt).argmax().item<std::int64_t>());
  }
  return {};
}

}  // namespace pellucid::conformance
