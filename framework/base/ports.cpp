// Ports: what components are given and give, looked up by name.
#include <pellucid/ports.h>

#include <algorithm>

#include <pellucid/component.h>

namespace pellucid {
namespace {

template <class Value, class Values>
const Value& given(const Values& values, const std::string& name) {
  const auto found = values.find(name);
  if (found == values.end() || !std::holds_alternative<Value>(found->second))
    throw Error("output '" + name + "' has not been set");
  return std::get<Value>(found->second);
}

}  // namespace

const char* name_of(PortType type) {
  switch (type) {
    case PortType::tensor:
      return "tensor";
    case PortType::table:
      return "table";
    case PortType::operator_:
      return "operator";
    case PortType::operator_linear:
      return "operator.linear";
    case PortType::operator_convolution:
      return "operator.convolution";
    case PortType::prior:
      return "prior";
    case PortType::denoiser:
      return "denoiser";
    case PortType::functional:
      return "functional";
    case PortType::model:
      return "model";
  }
  return "unknown";
}

bool fits(PortType given, PortType wanted) {
  if (given == wanted) return true;
  if (wanted == PortType::operator_)
    return given == PortType::operator_linear || given == PortType::operator_convolution;
  return wanted == PortType::operator_linear && given == PortType::operator_convolution;
}

ItemReader::~ItemReader() = default;

Inputs::Inputs() = default;
Inputs::Inputs(const Inputs&) = default;
Inputs::Inputs(Inputs&&) noexcept = default;
Inputs& Inputs::operator=(const Inputs&) = default;
Inputs& Inputs::operator=(Inputs&&) noexcept = default;
Inputs::~Inputs() = default;

void Inputs::add(Edge edge) { edges_.push_back(std::move(edge)); }

const Inputs::Edge* Inputs::find(const std::string& name) const {
  const auto found = std::find_if(edges_.begin(), edges_.end(),
                                  [&name](const Edge& edge) { return edge.name == name; });
  return found == edges_.end() ? nullptr : &*found;
}

const Inputs::Edge& Inputs::edge(const std::string& name) const {
  if (const Edge* found = find(name)) return *found;
  throw Error("input '" + name +
              "' is not connected; an optional input is asked for with in.has(...) first");
}

const Tensor& Inputs::tensor(const std::string& name) const {
  if (const auto* value = std::get_if<Tensor>(&edge(name).value)) return *value;
  throw Error("input '" + name + "' has no tensor here, only a spec");
}

const Table& Inputs::table(const std::string& name) const {
  if (const auto* value = std::get_if<Table>(&edge(name).value)) return *value;
  throw Error("input '" + name + "' has no table here, only a spec");
}

const Component& Inputs::object(const std::string& name) const {
  if (const auto& found = edge(name).object) return *found;
  throw Error("input '" + name + "' has no object here");
}

const Component& Inputs::object_at(const std::string& name, std::int64_t item) const {
  if (reader_) return reader_->object(name, item);
  return object(name);
}

const Spec& Inputs::tensor_spec(const std::string& name) const {
  if (const auto* spec = std::get_if<Spec>(&edge(name).spec)) return *spec;
  throw Error("input '" + name + "' has no spec of a tensor");
}

const TableSpec& Inputs::table_spec(const std::string& name) const {
  if (const auto* spec = std::get_if<TableSpec>(&edge(name).spec)) return *spec;
  throw Error("input '" + name + "' has no spec of a table");
}

std::vector<std::pair<std::string, std::variant<Tensor, Table>>> Inputs::operator[](
    const AnyIn&) const {
  std::vector<std::pair<std::string, std::variant<Tensor, Table>>> gathered;
  for (const Edge& edge : edges_) {
    if (std::find(open_.begin(), open_.end(), edge.name) == open_.end()) continue;
    if (std::holds_alternative<TableSpec>(edge.spec))
      gathered.emplace_back(edge.name, table(edge.name));
    else gathered.emplace_back(edge.name, tensor(edge.name));
  }
  return gathered;
}

std::vector<std::pair<std::string, std::variant<Spec, TableSpec>>> Inputs::specs(
    const AnyIn&) const {
  std::vector<std::pair<std::string, std::variant<Spec, TableSpec>>> gathered;
  for (const Edge& edge : edges_) {
    if (std::find(open_.begin(), open_.end(), edge.name) == open_.end()) continue;
    if (const auto* rows = std::get_if<TableSpec>(&edge.spec))
      gathered.emplace_back(edge.name, *rows);
    else gathered.emplace_back(edge.name, tensor_spec(edge.name));
  }
  return gathered;
}

Tensor Inputs::items(const In<Tensor>& port, std::int64_t first, std::int64_t count) const {
  if (reader_) return reader_->tensor(port.name, first, count);
  const Tensor& all = tensor(port.name);
  return all.size(0) == 1 ? all : all.narrow(0, first, count);
}

Table Inputs::items(const In<Table>& port, std::int64_t first, std::int64_t count) const {
  if (reader_) return reader_->table(port.name, first, count);
  const Table& all = table(port.name);
  Table some(all.columns());
  for (std::int64_t row = 0; row < all.rows(); ++row) {
    if (all.item(row) < first || all.item(row) >= first + count) continue;
    std::vector<Cell> cells;
    for (std::size_t column = 0; column < all.columns().size(); ++column)
      cells.push_back(all.cell(row, static_cast<std::int64_t>(column)));
    some.add(all.item(row), std::move(cells));
  }
  return some;
}

Specs::Specs() = default;
Specs::Specs(const Specs&) = default;
Specs::Specs(Specs&&) noexcept = default;
Specs& Specs::operator=(const Specs&) = default;
Specs& Specs::operator=(Specs&&) noexcept = default;
Specs::~Specs() = default;

Outputs::Outputs() = default;
Outputs::Outputs(const Outputs&) = default;
Outputs::Outputs(Outputs&&) noexcept = default;
Outputs& Outputs::operator=(const Outputs&) = default;
Outputs& Outputs::operator=(Outputs&&) noexcept = default;
Outputs::~Outputs() = default;

const Tensor& Outputs::operator[](const Out<Tensor>& port) const {
  return given<Tensor>(values_, port.name);
}

const Table& Outputs::operator[](const Out<Table>& port) const {
  return given<Table>(values_, port.name);
}

}  // namespace pellucid
