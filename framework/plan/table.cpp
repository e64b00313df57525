// The table of `pellucid check`.
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <sstream>

#include "base/bytes.h"
#include "plan/edges.h"
#include "plan/memory.h"
#include "plan/plan.h"

namespace pellucid {
namespace {

constexpr std::size_t kColumns = 8;
using Row = std::array<std::string, kColumns>;

const Row kHead{"NODE", "COMPONENT", "OUTPUT", "ITEMS", "EACH ITEM", "UNIT", "BLOCK", "ALL"};
/// Numbers stand right.
constexpr std::array<bool, kColumns> kRight{false, false, false, true, false, false, true, true};

std::string plural(std::int64_t count, const std::string& noun) {
  return std::to_string(count) + " " + noun + (count == 1 ? "" : "s");
}

/// Rows of cells under one head, and lines that run across.
class Sheet {
 public:
  void add(Row row) { lines_.push_back({std::move(row), ""}); }
  void add_line(std::string line) { lines_.push_back({{}, std::move(line)}); }

  std::string text() const {
    std::array<std::size_t, kColumns> widths{};
    for (std::size_t c = 0; c < kColumns; ++c) {
      widths[c] = kHead[c].size();
      for (const auto& [row, line] : lines_) widths[c] = std::max(widths[c], row[c].size());
    }
    std::string text = printed(kHead, widths);
    for (const auto& [row, line] : lines_)
      text += line.empty() ? printed(row, widths) : line + "\n";
    return text;
  }

 private:
  static std::string printed(const Row& row, const std::array<std::size_t, kColumns>& widths) {
    std::string line;
    for (std::size_t c = 0; c < kColumns; ++c) {
      const std::string space(widths[c] - row[c].size(), ' ');
      line += (c == 0 ? "" : "  ") + (kRight[c] ? space + row[c] : row[c] + space);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    return line + "\n";
  }

  std::vector<std::pair<Row, std::string>> lines_;
};

std::string short_number(double number) {
  std::ostringstream text;
  text.precision(4);
  text << number;
  return text.str();
}

/// "float32 chw 3x481x321, 0.1x0.1x0.1 um".
std::string item_text(const Spec& spec) {
  std::string text = dtype_name(spec.dtype);
  if (!spec.axes.empty()) text += " " + spec.axes + " " + shape_text(spec.shape);
  if (spec.spacing.empty()) return text;
  std::string spacing;
  for (const double length : spec.spacing)
    spacing += (spacing.empty() ? "" : "x") + short_number(length);
  return text + ", " + spacing + (spec.spacing_unit.empty() ? "" : " " + spec.spacing_unit);
}

std::string columns_text(const TableSpec& table) {
  std::string text = "item";
  for (const Column& column : table.columns)
    text += ", " + column.name +
            (column.unit.empty() || column.unit == "1" ? "" : " [" + column.unit + "]");
  return text;
}

class PlanTable {
 public:
  explicit PlanTable(const Plan& plan) : plan_(plan) {}

  std::string text() {
    for (std::size_t stream = 0; stream < plan_.streams.size(); ++stream) add_stream(stream);
    std::string text = sheet_.text();
    if (has_stored_) text += "(*) stored in result.h5\n";
    text += "\n" + cut_line() + memory_line() + disk_line();
    text += names_line("in processes of their own", isolated());
    text += names_line("in functions only", uncomputed());
    text += names_line("not needed by any result", plan_.unused);
    return text;
  }

 private:
  void add_stream(std::size_t number) {
    const PlannedStream& stream = plan_.streams[number];
    const auto is_first_behind = [&] {
      return stream.behind_barrier && (number == 0 || !plan_.streams[number - 1].behind_barrier);
    };
    if (is_first_behind())
      sheet_.add_line("-- barrier: what follows waits for all items of what stands above --");
    else if (number > 0) sheet_.add_line("");
    for (const std::size_t node : stream.nodes)
      if (plan_.nodes[node].stream == number) add_node(node, stream);
  }

  void add_node(std::size_t number, const PlannedStream& stream) {
    const PlannedNode& node = plan_.nodes[number];
    Row row;
    row[0] = title_of(plan_, number);
    row[1] = node.use;
    const Kind kind = node.component->kind;
    if (is_object(kind)) {
      row[2] = name_of(port_type_of(kind));
      if (node.object_per_block) row[3] = std::to_string(node.items);
      if (node.working_bytes > 0) row[6] = bytes_text(node.working_bytes);
      sheet_.add(row);
    } else if (kind == Kind::sink) {
      row[2] = "(files)";
      row[3] = std::to_string(node.items);
      if (node.file_bytes > 0) row[7] = bytes_text(node.file_bytes);
      sheet_.add(row);
    } else {
      for (const Port& port : node.component->ports().all()) {
        if (port.direction != Port::Direction::out) continue;
        add_output(number, port.name, stream, row);
        row[0] = row[1] = "";
      }
    }
  }

  void add_output(std::size_t number, const std::string& port, const PlannedStream& stream,
                  Row row) {
    const PlannedNode& node = plan_.nodes[number];
    const bool stored =
        std::any_of(plan_.results.begin(), plan_.results.end(),
                    [&](const PlannedResult& r) { return r.node == number && r.port == port; });
    has_stored_ = has_stored_ || stored;
    row[2] = port + (stored ? " (*)" : "");
    const Specs::Value& value = node.outputs.all().at(port);
    std::int64_t item_bytes = 0, items = 1;
    if (const auto* spec = std::get_if<Spec>(&value)) {
      items = spec->items;
      row[4] = item_text(*spec);
      row[5] = spec->unit;
      item_bytes = spec->item_bytes();
    } else if (const auto* table = std::get_if<TableSpec>(&value)) {
      items = table->items;
      row[4] = "table: " + columns_text(*table);
      item_bytes = table->rows_per_item * table->row_bytes();
    } else {
      row[4] = "object";
      sheet_.add(row);
      return;
    }
    row[3] = std::to_string(items);
    row[6] = bytes_text(block_bytes(node, stream, items, item_bytes));
    row[7] = bytes_text(items * item_bytes);
    sheet_.add(row);
  }

  std::int64_t block_bytes(const PlannedNode& node, const PlannedStream& stream, std::int64_t items,
                           std::int64_t item_bytes) const {
    const Kind kind = node.component->kind;
    if (gives_whole(kind)) return items * item_bytes;
    if (stream.tiles.empty()) return std::min(items, plan_.block_items) * item_bytes;
    const Region& tile = stream.tiles.front();
    double part = 1;
    for (std::size_t axis = 0; axis < tile.size.size(); ++axis)
      part *= static_cast<double>(tile.size[axis]) / static_cast<double>(tile.whole[axis]);
    return static_cast<std::int64_t>(std::llround(static_cast<double>(item_bytes) * part));
  }

  std::string cut_line() const {
    std::int64_t most = 1, blocks = 0;
    std::size_t tiles = 0;
    for (const PlannedStream& stream : plan_.streams) {
      most = std::max(most, stream.items);
      blocks += stream.blocks;
      tiles = std::max(tiles, stream.tiles.size());
    }
    std::string text = "blocks    " + plural(blocks, "block");
    if (tiles > 0)
      text += ", items cut into " + plural(static_cast<std::int64_t>(tiles), "tile") + " of " +
              shape_text(plan_.settings.tile);
    else text += " of " + plural(std::min(plan_.block_items, most), "item") + " at most";
    return text + "; " + plural(plan_.workers, "worker") + " of " +
           plural(plan_.threads, "thread") + "\n";
  }

  std::string memory_line() const {
    std::string text = "memory    " + bytes_text(plan_.predicted_bytes) + " of " +
                       bytes_text(plan_.memory) + " at the peak, " +
                       bytes_text(plan_.predicted_resident) + " with the program itself";
    if (const std::int64_t bytes = bytes_of_processes(plan_); bytes > 0)
      text += "; " + bytes_text(bytes) + " more in processes of isolated nodes";
    int fewest = plan_.workers;
    for (const PlannedStream& stream : plan_.streams)
      if (stream.blocks > 1) fewest = std::min(fewest, stream.in_flight);
    if (fewest < plan_.workers) text += "; room for " + plural(fewest, "block") + " at once only";
    return text + "\n";
  }

  std::string disk_line() const {
    std::string text = "disk      " + bytes_text(plan_.disk_bytes) + " of " +
                       bytes_text(plan_.disk_free) + " free";
    if (plan_.spilled_bytes > 0)
      text += ", " + bytes_text(plan_.spilled_bytes) +
              " of it for what memory has no room for between streams";
    return text + "\n";
  }

  std::vector<std::string> uncomputed() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
      if (!plan_.nodes[i].computed) names.push_back(title_of(plan_, i));
    return names;
  }

  std::vector<std::string> isolated() const {
    std::vector<std::string> names;
    for (std::size_t i = 0; i < plan_.nodes.size(); ++i)
      if (plan_.nodes[i].isolated) names.push_back(title_of(plan_, i));
    return names;
  }

  static std::string names_line(const std::string& what, const std::vector<std::string>& names) {
    if (names.empty()) return {};
    std::string text;
    for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
    return what + ": " + text + "\n";
  }

  const Plan& plan_;
  Sheet sheet_;
  bool has_stored_ = false;
};

}  // namespace

std::string plan_table(const Plan& plan) { return PlanTable(plan).text(); }

}  // namespace pellucid
