// sink: calls a sink as a run does.
#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include <pellucid/component.h>
#include <pellucid/testing.h>

namespace pellucid {

/// A tensor with the spec of all its items, or a table with its spec, under a name.
struct Saved {
  std::string name;
  std::variant<std::monostate, Tensor, Table> value;
  std::variant<std::monostate, Spec, TableSpec> spec;
};

inline Saved saved(const std::string& name, const Tensor& tensor, const std::string& axes,
                   const std::string& unit = "1") {
  Spec spec = spec_of(tensor, axes);
  spec.unit = unit;
  return {name, tensor, spec};
}

/// The inputs of one call: items first .. first + count - 1.
inline Inputs inputs_of(const std::vector<Saved>& all, std::int64_t first, std::int64_t count) {
  Inputs in;
  std::vector<std::string> names;
  for (const Saved& one : all) {
    Inputs::Edge edge{one.name, one.spec, one.value, nullptr};
    if (const auto* tensor = std::get_if<Tensor>(&one.value))
      if (tensor->size(0) > 1) edge.value = tensor->narrow(0, first, count);
    if (const auto* table = std::get_if<Table>(&one.value)) {
      Table rows(table->columns());
      for (std::int64_t row = 0; row < table->rows(); ++row) {
        if (table->item(row) < first || table->item(row) >= first + count) continue;
        std::vector<Cell> cells;
        for (std::size_t c = 0; c < table->columns().size(); ++c)
          cells.push_back(table->cell(row, std::int64_t(c)));
        rows.add(table->item(row), std::move(cells));
      }
      edge.value = rows;
    }
    in.add(std::move(edge));
    names.push_back(one.name);
  }
  in.set_open(names);
  in.set_block({first, count, std::nullopt});
  return in;
}

inline std::int64_t items_of(const std::vector<Saved>& all) {
  std::int64_t items = 1;
  for (const Saved& one : all) {
    if (const auto* spec = std::get_if<Spec>(&one.spec)) items = std::max(items, spec->items);
    if (const auto* table = std::get_if<TableSpec>(&one.spec))
      items = std::max(items, table->items);
  }
  return items;
}

inline std::shared_ptr<Sink> open_sink(const std::string& to, const std::vector<Saved>& all,
                                       testing::Settings settings = {}, SinkStart start = {}) {
  settings.push_back({"to", to});
  auto sink = std::dynamic_pointer_cast<Sink>(testing::load_component("io/save", settings));
  const Inputs in = inputs_of(all, 0, items_of(all));
  sink->check(in);
  sink->open(in, start, *testing::context());
  return sink;
}

inline void write(Sink& sink, const std::vector<Saved>& all, std::int64_t first,
                  std::int64_t count) {
  sink.write(inputs_of(all, first, count), *testing::context());
}

/// A whole run of a sink, in blocks of two items.
inline std::shared_ptr<Sink> save(const std::string& to, const std::vector<Saved>& all,
                                  const testing::Settings& settings = {}, SinkStart start = {}) {
  const auto sink = open_sink(to, all, settings, start);
  for (std::int64_t first = 0; first < items_of(all); first += 2)
    write(*sink, all, first, std::min<std::int64_t>(2, items_of(all) - first));
  sink->sync();
  sink->close("{}");
  return sink;
}

}  // namespace pellucid
