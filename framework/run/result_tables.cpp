#include "run/result_tables.h"

#include <limits>
#include <string>
#include <utility>

namespace pellucid {
namespace {

Cell missing_cell(const Column& column) {
  switch (column.type) {
    case Column::Type::integer:
      return std::int64_t{0};
    case Column::Type::real:
      return std::numeric_limits<double>::quiet_NaN();
    case Column::Type::text:
      return std::string();
    case Column::Type::truth:
      return false;
  }
  return false;
}

std::int64_t append(const ResultFile& result, std::size_t number, std::int64_t row,
                    const Table& rows) {
  if (rows.rows() > 0) result.write_rows(number, row, rows);
  return row + rows.rows();
}

}  // namespace

Column valid_column() {
  return {"valid", Column::Type::truth, "", 0, "the item was read and computed"};
}

std::int64_t write_table(const ResultFile& result, std::size_t number, const TableBuffer& table) {
  std::int64_t row = 0;
  table.for_each_block([&](const Table& block) { row = append(result, number, row, block); });
  return row;
}

std::int64_t write_table_with_failures(const ResultFile& result, std::size_t number,
                                       const TableBuffer& table, std::int64_t first,
                                       std::int64_t count,
                                       const std::function<bool(std::int64_t)>& failed) {
  const std::vector<Column>& columns = result.layout().tables[number].columns;
  std::int64_t row = 0;
  std::int64_t next = first;
  const auto add_failed = [&](Table& part, std::int64_t until) {
    for (; next < until; ++next) {
      if (!failed(next)) continue;
      std::vector<Cell> cells;
      for (const Column& column : columns) cells.push_back(missing_cell(column));
      part.add(next, std::move(cells));
    }
  };
  table.for_each_block([&](const Table& block) {
    Table part(columns);
    for (std::int64_t r = 0; r < block.rows(); ++r) {
      add_failed(part, block.item(r));
      std::vector<Cell> cells;
      for (std::size_t c = 0; c < block.columns().size(); ++c)
        cells.push_back(block.cell(r, static_cast<std::int64_t>(c)));
      cells.push_back(!failed(block.item(r)));
      part.add(block.item(r), std::move(cells));
      next = block.item(r) + 1;
    }
    row = append(result, number, row, part);
  });
  Table rest(columns);
  add_failed(rest, first + count);
  return append(result, number, row, rest);
}

}  // namespace pellucid
