#include "isolation/wire.h"

#include <cstdlib>
#include <utility>

namespace pellucid {
namespace {

Words wire_of_text(const std::shared_ptr<const std::string>& text) {
  return text ? Words(*text) : Words();
}

std::shared_ptr<const std::string> text_from(const Words& json) {
  if (json.is_null()) return nullptr;
  return std::make_shared<const std::string>(json.get<std::string>());
}

Words wire_of(const Column& column) {
  return {column.name, static_cast<int>(column.type), column.unit, column.width, column.summary};
}

template <class T>
Words wire_of_all(const std::vector<T>& all) {
  Words json = Words::array();
  for (const T& one : all) json.push_back(wire_of(one));
  return json;
}

Column column_from(const Words& json) {
  return {json.at(0), static_cast<Column::Type>(json.at(1).get<int>()), json.at(2), json.at(3),
          json.at(4)};
}

std::vector<Column> columns_from(const Words& json) {
  std::vector<Column> columns;
  for (const Words& column : json) columns.push_back(column_from(column));
  return columns;
}

Cell cell_from(const Words& json, Column::Type type) {
  switch (type) {
    case Column::Type::integer:
      return json.get<std::int64_t>();
    case Column::Type::real:
      return json.get<double>();
    case Column::Type::text:
      return json.get<std::string>();
    case Column::Type::truth:
      return json.get<bool>();
  }
  throw Error("an unknown type of cell");
}

[[noreturn]] void refuse_object(const std::string& port) {
  throw Error("'" + port +
              "' is an object that is made while the pipeline runs; only tensors and tables cross "
              "the border of an isolated process");
}

}  // namespace

Words wire_of(const SourceLocation& where) {
  return {wire_of_text(where.file), where.line, where.column, wire_of_text(where.folder)};
}

SourceLocation location_from(const Words& json) {
  return {text_from(json.at(0)), json.at(1), json.at(2), text_from(json.at(3))};
}

Words wire_of(const Value& value) {
  Words json{{"where", wire_of(value.where())}};
  if (value.is_scalar()) {
    json["text"] = value.text();
    json["quoted"] = value.quoted();
    if (value.number_text() != value.text()) json["number"] = value.number_text();
  } else if (value.is_list()) {
    json["items"] = wire_of_all(value.items());
  } else if (value.is_map()) {
    Words& entries = json["entries"] = Words::array();
    for (const Value::Entry& entry : value.entries())
      entries.push_back({entry.key, wire_of(entry.value), wire_of(entry.where)});
  }
  return json;
}

Value value_from(const Words& json) {
  const SourceLocation where = location_from(json.at("where"));
  if (json.contains("text")) {
    Value value = Value::scalar(json.at("text"), where, json.at("quoted"));
    if (json.contains("number")) value.set_number_text(json.at("number"));
    return value;
  }
  if (json.contains("items")) {
    std::vector<Value> items;
    for (const Words& item : json.at("items")) items.push_back(value_from(item));
    return Value::list(std::move(items), where);
  }
  if (json.contains("entries")) {
    std::vector<Value::Entry> entries;
    for (const Words& entry : json.at("entries"))
      entries.push_back({entry.at(0), value_from(entry.at(1)), location_from(entry.at(2))});
    return Value::map(std::move(entries), where);
  }
  Value nothing;
  nothing.locate(where);
  return nothing;
}

Words wire_of(const Field& field) {
  return {{"key", field.key},
          {"type", static_cast<int>(field.type)},
          {"unit", field.unit},
          {"summary", field.summary},
          {"required", field.required},
          {"optional", field.optional},
          {"least", field.least},
          {"most", field.most},
          {"least_excluded", field.least_excluded},
          {"most_excluded", field.most_excluded},
          {"least_count", field.least_count},
          {"most_count", field.most_count},
          {"standard", wire_of(field.standard)},
          {"names", field.names},
          {"fields", wire_of_all(field.fields)}};
}

Field field_from(const Words& json) {
  Field field;
  field.key = json.at("key");
  field.type = static_cast<Field::Type>(json.at("type").get<int>());
  field.unit = json.at("unit");
  field.summary = json.at("summary");
  field.required = json.at("required");
  field.optional = json.at("optional");
  field.least = json.at("least");
  field.most = json.at("most");
  field.least_excluded = json.at("least_excluded");
  field.most_excluded = json.at("most_excluded");
  field.least_count = json.at("least_count");
  field.most_count = json.at("most_count");
  field.standard = value_from(json.at("standard"));
  field.names = json.at("names").get<std::vector<std::string>>();
  for (const Words& inner : json.at("fields")) field.fields.push_back(field_from(inner));
  return field;
}

Words wire_of(const Problem& problem) {
  return {wire_of(problem.where), problem.node, problem.component, problem.sentence,
          problem.unreadable};
}

Problem problem_from(const Words& json) {
  return {location_from(json.at(0)), json.at(1), json.at(2), json.at(3), json.at(4)};
}

Words wire_of(const Spec& spec) {
  return {spec.items,       static_cast<int>(spec.dtype),
          spec.axes,        spec.shape,
          spec.unit,        spec.spacing,
          spec.spacing_unit};
}

Spec spec_from(const Words& json) {
  Spec spec;
  spec.items = json.at(0);
  spec.dtype = static_cast<at::ScalarType>(json.at(1).get<int>());
  spec.axes = json.at(2);
  spec.shape = json.at(3).get<std::vector<std::int64_t>>();
  spec.unit = json.at(4);
  spec.spacing = json.at(5).get<std::vector<double>>();
  spec.spacing_unit = json.at(6);
  return spec;
}

Words wire_of(const TableSpec& spec) {
  return {spec.items, spec.rows_per_item, wire_of_all(spec.columns)};
}

TableSpec table_spec_from(const Words& json) {
  return {json.at(0), json.at(1), columns_from(json.at(2))};
}

Words wire_of(const Table& table) {
  Words rows = Words::array();
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    Words cells = Words::array({table.item(row)});
    for (std::size_t column = 0; column < table.columns().size(); ++column)
      std::visit([&](const auto& cell) { cells.push_back(cell); },
                 table.cell(row, static_cast<std::int64_t>(column)));
    rows.push_back(std::move(cells));
  }
  return {wire_of_all(table.columns()), std::move(rows)};
}

Table table_from(const Words& json) {
  Table table(columns_from(json.at(0)));
  for (const Words& row : json.at(1)) {
    std::vector<Cell> cells;
    for (std::size_t column = 0; column < table.columns().size(); ++column)
      cells.push_back(cell_from(row.at(column + 1), table.columns()[column].type));
    table.add(row.at(0), std::move(cells));
  }
  return table;
}

Words wire_of(const Block& block) {
  Words json = Words::array({block.first, block.count});
  if (block.region) json.push_back({block.region->offset, block.region->size, block.region->whole});
  return json;
}

Block block_from(const Words& json) {
  Block block{json.at(0), json.at(1), std::nullopt};
  if (json.size() > 2) {
    using Sizes = std::vector<std::int64_t>;
    const Words& region = json.at(2);
    block.region =
        Region{region.at(0).get<Sizes>(), region.at(1).get<Sizes>(), region.at(2).get<Sizes>()};
  }
  return block;
}

Words wire_of(const Specs& specs) {
  Words json = Words::object();
  for (const auto& [port, value] : specs.all()) {
    if (const auto* spec = std::get_if<Spec>(&value)) json[port]["spec"] = wire_of(*spec);
    else if (const auto* table = std::get_if<TableSpec>(&value))
      json[port]["table"] = wire_of(*table);
    else if (std::holds_alternative<std::shared_ptr<const Component>>(value)) refuse_object(port);
  }
  return json;
}

Specs specs_from(const Words& json) {
  Specs specs;
  for (const auto& [port, value] : json.items()) {
    if (value.contains("spec")) specs[Out<Tensor>{port.c_str(), ""}] = spec_from(value.at("spec"));
    else specs[Out<Table>{port.c_str(), ""}] = table_spec_from(value.at("table"));
  }
  return specs;
}

Words wire_of(const Outputs& outputs, std::vector<Tensor>& tensors) {
  Words json = Words::object();
  for (const auto& [port, value] : outputs.all()) {
    if (const auto* tensor = std::get_if<Tensor>(&value)) {
      if (!tensor->defined()) continue;
      json[port]["tensor"] = tensors.size();
      tensors.push_back(*tensor);
    } else if (const auto* table = std::get_if<Table>(&value)) {
      json[port]["table"] = wire_of(*table);
    } else if (std::holds_alternative<std::shared_ptr<const Component>>(value)) {
      refuse_object(port);
    }
  }
  return json;
}

Outputs outputs_from(const Words& json, const std::vector<Tensor>& tensors) {
  Outputs outputs;
  for (const auto& [port, value] : json.items()) {
    if (value.contains("tensor"))
      outputs.set(port, tensors.at(value.at("tensor").get<std::size_t>()));
    else outputs.set(port, table_from(value.at("table")));
  }
  return outputs;
}

Words wire_of(const Inputs& in, const std::vector<std::int64_t>& items,
              std::vector<Tensor>& tensors, const NumberOfObject& number) {
  Words edges = Words::array();
  for (const Inputs::Edge& edge : in.edges()) {
    Words json{{"name", edge.name}};
    if (const auto* spec = std::get_if<Spec>(&edge.spec)) json["spec"] = wire_of(*spec);
    if (const auto* table = std::get_if<TableSpec>(&edge.spec))
      json["table_spec"] = wire_of(*table);
    if (const auto* tensor = std::get_if<Tensor>(&edge.value)) {
      json["tensor"] = tensors.size();
      tensors.push_back(*tensor);
    }
    if (const auto* table = std::get_if<Table>(&edge.value)) json["table"] = wire_of(*table);
    if (edge.object) json["object"] = number(edge);
    edges.push_back(std::move(json));
  }
  Words open = Words::array();
  for (const auto& [name, spec] : in.specs(AnyIn{"", ""})) open.push_back(name);
  return {{"edges", std::move(edges)},
          {"open", std::move(open)},
          {"block", wire_of(in.block())},
          {"items", items}};
}

Inputs inputs_from(const Words& json, const std::vector<Tensor>& tensors,
                   const ObjectOfNumber& object) {
  Inputs in;
  for (const Words& given : json.at("edges")) {
    Inputs::Edge edge;
    edge.name = given.at("name");
    if (given.contains("spec")) edge.spec = spec_from(given.at("spec"));
    if (given.contains("table_spec")) edge.spec = table_spec_from(given.at("table_spec"));
    if (given.contains("tensor")) edge.value = tensors.at(given.at("tensor").get<std::size_t>());
    if (given.contains("table")) edge.value = table_from(given.at("table"));
    if (given.contains("object")) edge.object = object(given.at("object"));
    in.add(std::move(edge));
  }
  in.set_open(json.at("open").get<std::vector<std::string>>());
  const Block block = block_from(json.at("block"));
  auto items = json.at("items").get<std::vector<std::int64_t>>();
  bool in_a_row = true;
  for (std::size_t row = 0; row < items.size(); ++row)
    in_a_row = in_a_row && items[row] == block.first + static_cast<std::int64_t>(row);
  in.set_block(block);
  if (!in_a_row) in.set_rows(std::move(items));
  return in;
}

Words wire_of(const CallFacts& facts) {
  Words json{{"device", facts.device}, {"threads", facts.threads},
             {"seed", facts.seed},     {"seed_name", facts.seed_name},
             {"draw", facts.draw},     {"items", facts.items},
             {"wanted", facts.wanted}, {"choices", facts.choices.string()}};
  json["block"] = wire_of(Block{0, 0, facts.region});
  return json;
}

CallFacts facts_from(const Words& json) {
  CallFacts facts;
  facts.device = json.at("device");
  facts.threads = json.at("threads");
  facts.seed = json.at("seed");
  facts.seed_name = json.at("seed_name");
  facts.draw = json.at("draw");
  facts.items = json.at("items").get<std::vector<std::int64_t>>();
  facts.region = block_from(json.at("block")).region;
  facts.wanted = json.at("wanted").get<std::vector<std::string>>();
  facts.choices = json.at("choices").get<std::string>();
  return facts;
}

Words wire_of(const std::exception& error) {
  if (dynamic_cast<const Cancelled*>(&error)) return {{"type", "cancelled"}};
  Words json{{"type", "error"}};
  const auto* ours = dynamic_cast<const Error*>(&error);
  if (ours == nullptr) {
    json["sentence"] = error.what();
    return json;
  }
  if (dynamic_cast<const ShapeError*>(ours)) json["type"] = "shape";
  else if (dynamic_cast<const PluginError*>(ours)) json["type"] = "plugin";
  else if (dynamic_cast<const ConfigError*>(ours)) json["type"] = "config";
  json["sentence"] = ours->sentence();
  json["where"] = wire_of(ours->where());
  json["node"] = ours->node();
  json["component"] = ours->component();
  return json;
}

void throw_from(const Words& json) {
  const std::string type = json.at("type");
  if (type == "cancelled") throw Cancelled();
  const std::string sentence = json.at("sentence");
  const auto thrown = [&](auto error) {
    if (json.contains("where"))
      error.attribute(location_from(json.at("where")), json.at("node"), json.at("component"));
    throw error;
  };
  if (type == "shape") thrown(ShapeError(sentence));
  if (type == "plugin") thrown(PluginError(sentence));
  if (type == "config") thrown(ConfigError(sentence));
  thrown(Error(sentence));
  std::abort();  // one of them was thrown
}

}  // namespace pellucid
