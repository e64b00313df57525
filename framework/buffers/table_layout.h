// How tables stand in files: one array a column, `item` first.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <pellucid/spec.h>

#include "buffers/array_layout.h"

namespace pellucid {

class ContiguousFile;

/// The arrays `path/item`, `path/COLUMN`... of this many rows. Columns have the attributes `column`
/// (their number, from 1) and, where they have one, `unit`.
std::vector<ArrayLayout> table_arrays(const std::string& path, const std::vector<Column>& columns,
                                      std::int64_t rows);

/// Writes rows `row` .. into the arrays that begin with number `array` of the file; gives the
/// checksum of the bytes, column after column.
std::uint64_t write_rows(const ContiguousFile& file, std::size_t array, std::int64_t row,
                         const Table& table);
Table read_rows(const ContiguousFile& file, std::size_t array, const std::vector<Column>& columns,
                std::int64_t row, std::int64_t count);
/// The rows that speak of items first .. first + count - 1, in their order.
Table rows_of_items(const Table& table, std::int64_t first, std::int64_t count);
/// As `write_rows` gave it.
std::uint64_t rows_checksum(const Table& table);

}  // namespace pellucid
