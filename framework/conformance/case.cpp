#include "conformance/case.h"

#include <algorithm>
#include <numeric>

#include <ATen/TensorOperators.h>
#include <ATen/ops/complex.h>
#include <ATen/ops/real.h>

#include <pellucid/random.h>

namespace pellucid::conformance {
namespace {

using Edge = Inputs::Edge;

constexpr std::uint64_t kSeed = 20240229;

Random draws(std::int64_t items, const std::string& purpose) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(items));
  std::iota(all.begin(), all.end(), 0);
  return Random(kSeed, "conformance", purpose, all);
}

Tensor values_of(const Spec& spec, const std::string& purpose) {
  const Random random = draws(spec.items, purpose);
  if (!at::isFloatingType(spec.dtype) && !at::isComplexType(spec.dtype))
    return random.integers(spec.shape, spec.dtype == at::kBool ? 2 : 10).to(spec.dtype);
  const auto within = [](const Tensor& draw) { return draw * 0.95 + 0.05; };
  const Tensor real = within(random.uniform(spec.shape, at::kDouble, 0));
  if (!at::isComplexType(spec.dtype)) return real.to(spec.dtype);
  return at::complex(real, within(random.uniform(spec.shape, at::kDouble, 1))).to(spec.dtype);
}

Cell cell_of(const Column& column, std::int64_t item, std::int64_t row) {
  switch (column.type) {
    case Column::Type::integer:
      return item + row;
    case Column::Type::real:
      return 0.5 + 0.25 * static_cast<double>(item) + 0.125 * static_cast<double>(row);
    case Column::Type::text:
      return std::string("t").substr(0, static_cast<std::size_t>(column.width));
    case Column::Type::truth:
      return (item + row) % 2 == 0;
  }
  return {};
}

/// Names that no declared input has: an open input gathers them.
std::vector<std::string> open_names(const ComponentDescriptor& component,
                                    const std::vector<Edge>& edges) {
  std::vector<std::string> names;
  for (const Edge& edge : edges) {
    const auto& ports = component.ports().all();
    const bool declared = std::any_of(ports.begin(), ports.end(), [&edge](const Port& port) {
      return port.direction == Port::Direction::in && !port.any && edge.name == port.name;
    });
    if (!declared) names.push_back(edge.name);
  }
  return names;
}

Table rows_of(const Table& table, const Block& block) {
  Table part(table.columns());
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    if (table.item(row) < block.first || table.item(row) >= block.first + block.count) continue;
    std::vector<Cell> cells;
    for (std::size_t column = 0; column < table.columns().size(); ++column)
      cells.push_back(table.cell(row, static_cast<std::int64_t>(column)));
    part.add(table.item(row), std::move(cells));
  }
  return part;
}

std::string text_of_edge(const Edge& edge) {
  std::string text = edge.name + ": ";
  if (const auto* spec = std::get_if<Spec>(&edge.spec)) text += spec->text();
  else if (const auto* rows = std::get_if<TableSpec>(&edge.spec)) text += rows->text();
  else text += "an object";
  return text;
}

}  // namespace

std::int64_t Case::items() const {
  std::int64_t most = -1;
  const auto look = [&most](const Edge& edge) {
    if (const auto* spec = std::get_if<Spec>(&edge.spec))
      most = most == 0 || spec->items == 0 ? 0 : std::max(most, spec->items);
    if (const auto* rows = std::get_if<TableSpec>(&edge.spec)) most = std::max(most, rows->items);
  };
  for (const Edge& edge : inputs) look(edge);
  if (argument) look(*argument);
  return most < 0 ? 1 : most;
}

std::string Case::text() const {
  std::string text = settings.flow();
  for (const Edge& edge : inputs) text += "; " + text_of_edge(edge);
  if (argument) text += "; applied to " + tensor_spec(*argument).text();
  return text;
}

std::vector<Edge*> Case::tensors() {
  std::vector<Edge*> edges;
  for (Edge& edge : inputs)
    if (std::holds_alternative<Spec>(edge.spec)) edges.push_back(&edge);
  if (argument) edges.push_back(&*argument);
  return edges;
}

std::vector<const Edge*> Case::tensors() const {
  const std::vector<Edge*> edges = const_cast<Case*>(this)->tensors();
  return {edges.begin(), edges.end()};
}

Edge tensor_edge(const std::string& port, const Spec& spec) {
  return {port, spec, values_of(spec, port), nullptr};
}

bool is_mask(const Tensor& values) {
  return values.numel() > 0 && values.eq(0).logical_or(values.eq(1)).all().item<bool>();
}

Edge with_spec(const Edge& edge, const Spec& spec) {
  const Edge made = tensor_edge(edge.name, spec);
  return is_mask(tensor_of(edge)) ? as_mask(made) : made;
}

Edge as_mask(const Edge& edge) {
  const Tensor& values = tensor_of(edge);
  Edge made = edge;
  // The first sample of each item is known, however few there are.
  Tensor mask = at::real(values.is_complex() ? values : values.to(at::kDouble)).gt(0.4);
  if (mask.dim() > 1 && mask.numel() > 0) mask.flatten(1).select(1, 0).fill_(true);
  made.value = mask.to(values.scalar_type());
  return made;
}

Edge table_edge(const std::string& port, const TableSpec& spec) {
  Table table(spec.columns);
  for (std::int64_t item = 0; item < spec.items; ++item)
    for (std::int64_t row = 0; row < spec.rows_per_item; ++row) {
      std::vector<Cell> cells;
      for (const Column& column : spec.columns) cells.push_back(cell_of(column, item, row));
      table.add(item, std::move(cells));
    }
  return {port, spec, table, nullptr};
}

Edge object_edge(const std::string& port, std::shared_ptr<const Component> object) {
  return {port, {}, {}, std::move(object)};
}

Tensor normal_like(const Spec& spec, const std::string& purpose) {
  const bool complex = at::isComplexType(spec.dtype);
  return draws(spec.items, purpose)
      .normal(spec.shape, complex ? at::kComplexDouble : at::kDouble)
      .to(spec.dtype);
}

Edge part_of(const Edge& edge, const Block& block, std::int64_t items) {
  Edge part = edge;
  if (const auto* rows = std::get_if<TableSpec>(&edge.spec); rows && rows->items == items) {
    part.value = rows_of(std::get<Table>(edge.value), block);
    std::get<TableSpec>(part.spec).items = block.count;
  }
  const auto* spec = std::get_if<Spec>(&edge.spec);
  if (!spec) return part;
  Spec cut = *spec;
  Tensor value = tensor_of(edge);
  if (spec->items == items) {
    value = value.narrow(0, block.first, block.count);
    cut.items = block.count;
  }
  if (block.region) {
    const Region& region = *block.region;
    // An edge may have fewer axes than the item whose region it is: the last ones are meant.
    const std::size_t axes = std::min(cut.shape.size(), region.whole.size());
    for (std::size_t a = 1; a <= axes; ++a) {
      std::int64_t& size = cut.shape[cut.shape.size() - a];
      const std::size_t axis = region.whole.size() - a;
      if (size != region.whole[axis]) continue;
      value = value.narrow(-static_cast<std::int64_t>(a), region.offset[axis], region.size[axis]);
      size = region.size[axis];
    }
  }
  part.spec = cut;
  // A copy of its own, so that a component that writes to it spoils nothing else.
  part.value = value.clone(at::MemoryFormat::Contiguous);
  return part;
}

Inputs planned(const ComponentDescriptor& component, const std::vector<Edge>& edges) {
  Inputs in;
  for (const Edge& edge : edges) in.add({edge.name, edge.spec, {}, edge.object});
  in.set_open(open_names(component, edges));
  return in;
}

Inputs given(const ComponentDescriptor& component, const std::vector<Edge>& edges,
             const Block& block) {
  Inputs in;
  for (const Edge& edge : edges) in.add(edge);
  in.set_open(open_names(component, edges));
  in.set_block(block);
  return in;
}

}  // namespace pellucid::conformance
