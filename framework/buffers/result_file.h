// Result files: what a finished run leaves. Tensors are `/NODE/PORT`, tables are groups of that
// name with one dataset a column, `/provenance` is a JSON text; the root has the attribute
// `pellucid`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <pellucid/spec.h>

#include "buffers/array_layout.h"
#include "buffers/contiguous_file.h"

namespace pellucid {

/// What a result will hold, before anything is computed.
struct ResultLayout {
  struct TensorPart {
    std::string path;  ///< "/restore/mean"
    Spec spec;
  };
  struct TablePart {
    std::string path;  ///< "/score/table"
    std::vector<Column> columns;
    std::int64_t rows = 0;  ///< at most
  };
  std::vector<TensorPart> tensors;
  std::vector<TablePart> tables;
  std::int64_t provenance_bytes = 256 * 1024;

  std::vector<ArrayLayout> arrays() const;
  /// Number of a tensor, or of a table's first column, among the file's arrays.
  std::size_t tensor_array(std::size_t tensor) const { return tensor; }
  std::size_t table_array(std::size_t table) const;
};

/// A result under its temporary name, being filled.
class ResultFile {
 public:
  static ResultFile create(const std::filesystem::path& path, ResultLayout layout);
  /// Throws Error for a file of another layout.
  static ResultFile open(const std::filesystem::path& path, ResultLayout layout);

  const ResultLayout& layout() const { return layout_; }
  /// For buffers and direct writes; array numbers as the layout gives them.
  const std::shared_ptr<const ContiguousFile>& file() const { return file_; }

  /// Table rows `row` .. of table number `table`.
  void write_rows(std::size_t table, std::int64_t row, const Table& rows) const;

  /// Gives the file its final name. Tables shrink to `rows` (one number a table); where they do, or
  /// the provenance is longer than was reserved, the contents go to a new file first. Throws Error
  /// where `to` exists and `overwrite` is false.
  void finish(const std::filesystem::path& to, const std::vector<std::int64_t>& rows,
              const std::string& provenance, bool overwrite) const;

 private:
  ResultFile(ResultLayout layout, ContiguousFile file);

  ResultLayout layout_;
  std::shared_ptr<const ContiguousFile> file_;
};

/// Rewrites an HDF5 file in chunks of about 1 MiB, shuffled and compressed by deflate (`level` 1 to
/// 9), and replaces it by rename.
void compress_result(const std::filesystem::path& path, int level);

/// What an HDF5 file holds, for `pellucid info`.
struct ResultContents {
  struct Dataset {
    std::string path;
    std::string type;  ///< "float32", "text of 12 bytes", "compounds"
    std::vector<std::int64_t> shape;
    std::int64_t stored_bytes = 0;
    Attributes attributes;
  };
  struct StoredTable {
    std::string path;
    std::vector<Column> columns;
    std::int64_t rows = 0;
    Table head;  ///< the first rows
  };
  std::string version;  ///< of the Pellucid that wrote it; empty: another program's file
  Attributes attributes;
  std::vector<Dataset> datasets;  ///< those that belong to no table
  std::vector<StoredTable> tables;
  std::string provenance;  ///< JSON; empty where there is none
};

ResultContents read_contents(const std::filesystem::path& path, std::int64_t head_rows = 5);

/// The provenance of a finished result. Throws Error for a file without one.
std::string read_provenance(const std::filesystem::path& path);
/// All rows of a table of a result.
Table read_table(const std::filesystem::path& path, const std::string& table);

}  // namespace pellucid
