#include "buffers/table_layout.h"

#include <cstring>

#include "buffers/checksum.h"
#include "buffers/contiguous_file.h"

namespace pellucid {
namespace {

ElementType element_of(const Column& column) {
  switch (column.type) {
    case Column::Type::integer:
      return at::kLong;
    case Column::Type::real:
      return at::kDouble;
    case Column::Type::truth:
      return at::kBool;
    case Column::Type::text:
      return ElementType::text(column.width);
  }
  return at::kDouble;
}

template <class T>
void encode_number(const Cell& cell, char* to) {
  const T number = std::visit(
      [](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) return T{};
        else return static_cast<T>(value);
      },
      cell);
  std::memcpy(to, &number, sizeof number);
}

void encode(const Column& column, const Cell& cell, char* to) {
  switch (column.type) {
    case Column::Type::integer:
      return encode_number<std::int64_t>(cell, to);
    case Column::Type::real:
      return encode_number<double>(cell, to);
    case Column::Type::truth:
      return encode_number<bool>(cell, to);
    case Column::Type::text:
      const auto& text = std::get<std::string>(cell);
      if (static_cast<std::int64_t>(text.size()) > element_of(column).bytes())
        throw ShapeError("the column '" + column.name + "' takes texts of at most " +
                         std::to_string(column.width) + " bytes, got '" + text + "'");
      text.copy(to, text.size());
  }
}

template <class T>
T decoded_number(const char* from) {
  T number;
  std::memcpy(&number, from, sizeof number);
  return number;
}

Cell decoded(const Column& column, const char* from) {
  switch (column.type) {
    case Column::Type::integer:
      return decoded_number<std::int64_t>(from);
    case Column::Type::real:
      return decoded_number<double>(from);
    case Column::Type::truth:
      return *from != 0;
    case Column::Type::text:
      return std::string(from, strnlen(from, static_cast<std::size_t>(element_of(column).bytes())));
  }
  return 0.0;
}

/// The bytes of the `item` column (index -1) or of a column.
std::string encoded_column(const Table& table, std::int64_t index) {
  if (index < 0) {
    std::string bytes(static_cast<std::size_t>(table.rows()) * sizeof(std::int64_t), '\0');
    for (std::int64_t row = 0; row < table.rows(); ++row)
      encode_number<std::int64_t>(table.item(row), bytes.data() + row * 8);
    return bytes;
  }
  const Column& column = table.columns()[static_cast<std::size_t>(index)];
  const std::int64_t width = element_of(column).bytes();
  std::string bytes(static_cast<std::size_t>(table.rows() * width), '\0');
  for (std::int64_t row = 0; row < table.rows(); ++row)
    encode(column, table.cell(row, index), bytes.data() + row * width);
  return bytes;
}

}  // namespace

std::vector<ArrayLayout> table_arrays(const std::string& path, const std::vector<Column>& columns,
                                      std::int64_t rows) {
  std::vector<ArrayLayout> arrays{{path + "/item", at::kLong, {rows}, {}}};
  for (const Column& column : columns) {
    ArrayLayout array{path + "/" + column.name, element_of(column), {rows}, {}};
    array.attributes["column"] = static_cast<std::int64_t>(arrays.size());
    if (!column.unit.empty()) array.attributes["unit"] = column.unit;
    arrays.push_back(std::move(array));
  }
  return arrays;
}

std::uint64_t write_rows(const ContiguousFile& file, std::size_t array, std::int64_t row,
                         const Table& table) {
  Checksum sum;
  const auto columns = static_cast<std::int64_t>(table.columns().size());
  for (std::int64_t column = -1; column < columns; ++column) {
    const std::string bytes = encoded_column(table, column);
    file.write_bytes(array + static_cast<std::size_t>(column + 1), row, table.rows(), bytes.data());
    sum.add(bytes.data(), static_cast<std::int64_t>(bytes.size()));
  }
  return sum.value();
}

Table read_rows(const ContiguousFile& file, std::size_t array, const std::vector<Column>& columns,
                std::int64_t row, std::int64_t count) {
  std::vector<std::string> bytes;
  for (std::size_t column = 0; column <= columns.size(); ++column) {
    const std::int64_t width = file.arrays()[array + column].element.bytes();
    bytes.emplace_back(static_cast<std::size_t>(count * width), '\0');
    file.read_bytes(array + column, row, count, bytes.back().data());
  }
  Table table(columns);
  for (std::int64_t i = 0; i < count; ++i) {
    std::vector<Cell> cells;
    for (std::size_t column = 0; column < columns.size(); ++column) {
      const std::int64_t width = element_of(columns[column]).bytes();
      cells.push_back(decoded(columns[column], bytes[column + 1].data() + i * width));
    }
    table.add(decoded_number<std::int64_t>(bytes[0].data() + i * 8), std::move(cells));
  }
  return table;
}

Table rows_of_items(const Table& table, std::int64_t first, std::int64_t count) {
  Table chosen(table.columns());
  for (std::int64_t row = 0; row < table.rows(); ++row) {
    if (table.item(row) < first || table.item(row) >= first + count) continue;
    std::vector<Cell> cells;
    for (std::size_t column = 0; column < table.columns().size(); ++column)
      cells.push_back(table.cell(row, static_cast<std::int64_t>(column)));
    chosen.add(table.item(row), std::move(cells));
  }
  return chosen;
}

std::uint64_t rows_checksum(const Table& table) {
  Checksum sum;
  const auto columns = static_cast<std::int64_t>(table.columns().size());
  for (std::int64_t column = -1; column < columns; ++column) {
    const std::string bytes = encoded_column(table, column);
    sum.add(bytes.data(), static_cast<std::int64_t>(bytes.size()));
  }
  return sum.value();
}

}  // namespace pellucid
