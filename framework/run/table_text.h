// table_text: tables for people, aligned, with mean and standard deviation; and one table over all
// points of a sweep.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "plan/plan.h"

namespace pellucid {

/// Columns aligned, units in the head, at most `most_rows` rows shown, then mean and (population)
/// standard deviation of the real columns.
std::string table_text(const Table& table, std::int64_t most_rows = 12);

/// Gathers the tables of a sweep's points: one row a point and axis values, with the means. Points
/// whose tables of one name have other columns, as another component gives them, make one of their own.
class SweepTables {
 public:
  explicit SweepTables(const Plan& plan) : plan_(plan) {}

  void add(const std::string& name, std::size_t point, const Table& table);
  /// All rows of all points, each with the labels of its point, as CSV.
  void write(const std::filesystem::path& file) const;
  /// Aligned tables and their names: the mean of every real column at each point.
  std::vector<std::pair<std::string, std::string>> texts() const;

 private:
  struct Gathered {
    std::string name;
    std::vector<std::pair<std::size_t, Table>> parts;  // point, with the columns of the first
  };

  const Plan& plan_;
  std::vector<Gathered> all_;
};

}  // namespace pellucid
