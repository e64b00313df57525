// Tables in files: columns in the order of the table, rows in the order of the items.

#include "table_files.h"

#include <cstdlib>
#include <fstream>
#include <limits>
#include <map>
#include <sstream>

#include <ATen/ATen.h>

namespace pellucid {
namespace {

void put_cell(const Tensor& to, const Cell& cell) {
  if (const auto* text = std::get_if<std::string>(&cell))
    for (std::size_t i = 0; i < text->size(); ++i) to[std::int64_t(i)] = std::uint8_t((*text)[i]);
  else if (const auto* real = std::get_if<double>(&cell)) to.fill_(*real);
  else if (const auto* truth = std::get_if<bool>(&cell)) to.fill_(*truth ? 1 : 0);
  else if (to.scalar_type() == at::kDouble) to.fill_(double(std::get<std::int64_t>(cell)));
  else to.fill_(std::get<std::int64_t>(cell));
}

std::string cell_text(const Cell& cell) {
  std::ostringstream out;
  out.precision(std::numeric_limits<double>::max_digits10);
  std::visit([&](const auto& value) { out << value; }, cell);
  std::string text = out.str();
  if (!std::holds_alternative<std::string>(cell) ||
      text.find_first_of(",\"\n") == std::string::npos)
    return text;
  for (std::size_t i = 0; (i = text.find('"', i)) != std::string::npos; i += 2)
    text.insert(i, "\"");
  return '"' + text + '"';
}

}  // namespace

std::vector<DatasetSpec> column_datasets(const std::string& name, const TableSpec& table) {
  const std::int64_t rows = table.items * table.rows_per_item;
  std::vector<DatasetSpec> datasets{{"/" + name + "/item", {}}};
  datasets[0].spec.dtype = at::kLong;
  for (const Column& column : table.columns) {
    DatasetSpec dataset{"/" + name + "/" + column.name, {}};
    dataset.spec.unit = column.unit;
    switch (column.type) {
      case Column::Type::integer:
        dataset.spec.dtype = at::kLong;
        break;
      case Column::Type::real:
        dataset.spec.dtype = at::kDouble;
        break;
      case Column::Type::truth:
        dataset.spec.dtype = at::kByte;
        break;
      case Column::Type::text:
        dataset.spec.dtype = at::kByte;
        dataset.spec.axes = "t";
        dataset.spec.shape = {std::max<std::int64_t>(1, column.width)};
    }
    datasets.push_back(std::move(dataset));
  }
  for (DatasetSpec& dataset : datasets) dataset.spec.items = rows;
  return datasets;
}

std::vector<Tensor> column_values(const Table& rows, const TableSpec& table, std::int64_t first,
                                  std::int64_t count) {
  const std::int64_t slots = count * table.rows_per_item;
  std::vector<Tensor> columns;
  for (const DatasetSpec& column : column_datasets("", table)) {
    std::vector<std::int64_t> shape = column.spec.shape;
    shape.insert(shape.begin(), slots);
    columns.push_back(at::zeros(shape, column.spec.dtype));
    if (column.spec.dtype == at::kDouble)
      columns.back().fill_(std::numeric_limits<double>::quiet_NaN());
  }
  columns[0].fill_(-1);
  std::map<std::int64_t, std::int64_t> used;
  for (std::int64_t row = 0; row < rows.rows(); ++row) {
    const std::int64_t item = rows.item(row), number = used[item]++;
    const std::int64_t slot = (item - first) * table.rows_per_item + number;
    if (item < first || item >= first + count || number >= table.rows_per_item)
      throw Error("a table has a row too many of item " + std::to_string(item));
    columns[0][slot] = item;
    for (std::size_t c = 0; c < rows.columns().size(); ++c)
      put_cell(columns[c + 1][slot], rows.cell(row, std::int64_t(c)));
  }
  return columns;
}

CsvFile::CsvFile(const std::filesystem::path& file, const TableSpec& table, std::int64_t first_item,
                 bool resumed)
    : part_(file.string() + ".part") {
  std::string kept = "item";
  for (const Column& column : table.columns)
    kept += "," + column.name + (column.unit.empty() ? "" : " [" + column.unit + "]");
  kept += "\n";
  if (resumed) kept = before(first_item, kept);
  std::ofstream(part_, std::ios::binary | std::ios::trunc) << kept;
}

void CsvFile::write(const Table& rows) const {
  std::ofstream out(part_, std::ios::binary | std::ios::app);
  for (std::int64_t row = 0; row < rows.rows(); ++row) {
    out << rows.item(row);
    for (std::size_t column = 0; column < rows.columns().size(); ++column)
      out << ',' << cell_text(rows.cell(row, std::int64_t(column)));
    out << '\n';
  }
  out.flush();
  if (!out) throw Error("'" + part_.string() + "' cannot be written; is the disk full?");
}

/// Whole lines of an earlier process; a torn last one has no end.
std::string CsvFile::before(std::int64_t first_item, const std::string& header) const {
  std::ifstream in(part_, std::ios::binary);
  std::string kept, line;
  while (std::getline(in, line) && !in.eof())
    if (kept.empty() || std::strtoll(line.c_str(), nullptr, 10) < first_item) kept += line + "\n";
  return kept.starts_with(header) ? kept : header;
}

}  // namespace pellucid
