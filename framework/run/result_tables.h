// result_tables: the tables of a run as they stand in its results.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "buffers/buffer.h"
#include "buffers/result_file.h"

namespace pellucid {

/// A truth value an item that results carry where items may be skipped: false for those that failed.
Column valid_column();

/// Writes all rows of `table` as table `number` of a result, in item order, and gives how many there
/// are.
std::int64_t write_table(const ResultFile& result, std::size_t number, const TableBuffer& table);

/// The same with `valid` as the last column: each of the items first .. first + count - 1 for which
/// `failed` is true has a row of its own, of missing values.
std::int64_t write_table_with_failures(const ResultFile& result, std::size_t number,
                                       const TableBuffer& table, std::int64_t first,
                                       std::int64_t count,
                                       const std::function<bool(std::int64_t item)>& failed);

}  // namespace pellucid
