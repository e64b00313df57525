// table_files: tables as arrays of a dataset file, and as text.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <pellucid/dataset.h>

namespace pellucid {

/// Arrays for the columns of a table, `/NAME/item` first; texts are bytes of fixed width. Each item
/// has room for as many rows as the spec admits.
std::vector<DatasetSpec> column_datasets(const std::string& name, const TableSpec& table);

/// What these arrays hold for items first .. first + count - 1: rows that are not there have the
/// item -1 and no numbers.
std::vector<Tensor> column_values(const Table& rows, const TableSpec& table, std::int64_t first,
                                  std::int64_t count);

/// A table as text, which can be cut back to the rows before an item.
class CsvFile {
 public:
  /// Begins NAME.part anew, or goes on after what an earlier process wrote of items before
  /// `first_item`.
  CsvFile(const std::filesystem::path& file, const TableSpec& table, std::int64_t first_item,
          bool resumed);

  void write(const Table& rows) const;
  const std::filesystem::path& part() const { return part_; }

 private:
  std::string before(std::int64_t first_item, const std::string& header) const;

  std::filesystem::path part_;
};

}  // namespace pellucid
