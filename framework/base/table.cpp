// Table: typed columns in memory.
#include <algorithm>
#include <sstream>

#include <pellucid/spec.h>

#include "base/column.h"

namespace pellucid {
const char* name_of(Column::Type type) {
  switch (type) {
    case Column::Type::integer:
      return "integer";
    case Column::Type::real:
      return "real";
    case Column::Type::text:
      return "text";
    case Column::Type::truth:
      return "truth";
  }
  return "unknown";
}

namespace {

Column::Type type_of(const Cell& cell) {
  if (std::holds_alternative<std::int64_t>(cell)) return Column::Type::integer;
  if (std::holds_alternative<double>(cell)) return Column::Type::real;
  if (std::holds_alternative<std::string>(cell)) return Column::Type::text;
  return Column::Type::truth;
}

void check_cell(const Column& column, Cell& cell) {
  if (column.type == Column::Type::real && std::holds_alternative<std::int64_t>(cell))
    cell = static_cast<double>(std::get<std::int64_t>(cell));
  if (type_of(cell) != column.type)
    throw ShapeError("column '" + column.name + "' holds values of type " + name_of(column.type) +
                     ", got one of type " + name_of(type_of(cell)));
  if (column.type != Column::Type::text) return;
  const std::string& text = std::get<std::string>(cell);
  if (static_cast<std::int64_t>(text.size()) > column.width)
    throw ShapeError("texts of column '" + column.name + "' have at most " +
                     std::to_string(column.width) + " bytes, got " + std::to_string(text.size()) +
                     " ('" + text + "')");
}

double number_of(const Cell& cell) {
  if (const auto* whole = std::get_if<std::int64_t>(&cell)) return static_cast<double>(*whole);
  if (const auto* truth = std::get_if<bool>(&cell)) return *truth ? 1.0 : 0.0;
  return std::get<double>(cell);
}

}  // namespace

std::int64_t TableSpec::row_bytes() const {
  std::int64_t bytes = sizeof(std::int64_t);  // the column `item`
  for (const Column& column : columns) {
    if (column.type == Column::Type::text) bytes += column.width;
    else if (column.type == Column::Type::truth) bytes += 1;
    else bytes += 8;
  }
  return bytes;
}

std::string TableSpec::text() const {
  std::ostringstream text;
  const std::int64_t rows = items * rows_per_item;
  text << rows << (rows == 1 ? " row: item" : " rows: item");
  for (const Column& column : columns) {
    text << ", " << column.name;
    if (!column.unit.empty()) text << " [" << column.unit << ']';
  }
  return text.str();
}

Table::Table() = default;
Table::Table(std::vector<Column> columns) : columns_(std::move(columns)), cells_(columns_.size()) {}
Table::Table(const Table&) = default;
Table::Table(Table&&) noexcept = default;
Table& Table::operator=(const Table&) = default;
Table& Table::operator=(Table&&) noexcept = default;
Table::~Table() = default;

void Table::add(std::int64_t item, std::vector<Cell> cells) {
  if (cells.size() != columns_.size())
    throw ShapeError("a row of this table has " + std::to_string(columns_.size()) +
                     " cells beside its item, got " + std::to_string(cells.size()));
  for (std::size_t i = 0; i < cells.size(); ++i) check_cell(columns_[i], cells[i]);
  for (std::size_t i = 0; i < cells.size(); ++i) cells_[i].push_back(std::move(cells[i]));
  item_.push_back(item);
}

const Cell& Table::cell(std::int64_t row, std::int64_t column) const {
  return cells_.at(static_cast<std::size_t>(column)).at(static_cast<std::size_t>(row));
}

std::vector<double> Table::reals(const std::string& column) const {
  const auto found = std::find_if(columns_.begin(), columns_.end(),
                                  [&column](const Column& c) { return c.name == column; });
  if (found == columns_.end()) {
    std::vector<std::string> names;
    for (const Column& known : columns_) names.push_back(known.name);
    throw ShapeError("the table has no column '" + column + "'; it has " + listed(names));
  }
  if (found->type == Column::Type::text)
    throw ShapeError("column '" + column + "' holds texts, not numbers");
  std::vector<double> numbers;
  numbers.reserve(item_.size());
  for (const Cell& cell : cells_[static_cast<std::size_t>(found - columns_.begin())])
    numbers.push_back(number_of(cell));
  return numbers;
}

void Table::append(const Table& other) {
  if (columns_ != other.columns_)
    throw ShapeError("only a table with the same columns can be appended");
  for (std::size_t i = 0; i < cells_.size(); ++i)
    cells_[i].insert(cells_[i].end(), other.cells_[i].begin(), other.cells_[i].end());
  item_.insert(item_.end(), other.item_.begin(), other.item_.end());
}

}  // namespace pellucid
