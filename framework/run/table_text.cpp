#include "run/table_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

#include "buffers/file.h"

namespace pellucid {
namespace {

using Row = std::vector<std::string>;

std::string real_text(double value, const char* format = "%.4g") {
  char text[40];
  std::snprintf(text, sizeof text, format, value);
  return text;
}

std::string cell_text(const Cell& cell, const char* real_format = "%.4g") {
  return std::visit(
      [&]<class T>(const T& value) -> std::string {
        if constexpr (std::is_same_v<T, double>) return real_text(value, real_format);
        else if constexpr (std::is_same_v<T, std::string>) return value;
        else if constexpr (std::is_same_v<T, bool>) return value ? "yes" : "no";
        else return std::to_string(value);
      },
      cell);
}

std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c >= widths.size()) widths.push_back(0);
      widths[c] = std::max(widths[c], row[c].size());
    }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t c = 0; c < row.size(); ++c) {
      if (c > 0) line += "  ";
      const std::string gap(widths[c] - row[c].size(), ' ');
      line += c == 0 ? row[c] + gap : gap + row[c];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string head_of(const Column& column) {
  return column.unit.empty() || column.unit == "1" ? column.name
                                                   : column.name + " [" + column.unit + "]";
}

struct Moments {
  double mean = 0;
  double deviation = 0;
};

Moments moments(const std::vector<double>& values) {
  Moments found;
  std::size_t count = 0;
  for (const double v : values)
    if (!std::isnan(v)) found.mean += v, ++count;
  if (count == 0) return {std::nan(""), std::nan("")};
  found.mean /= static_cast<double>(count);
  for (const double v : values)
    if (!std::isnan(v)) found.deviation += (v - found.mean) * (v - found.mean);
  found.deviation = std::sqrt(found.deviation / static_cast<double>(count));
  return found;
}

std::string csv_text(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

}  // namespace

std::string table_text(const Table& table, std::int64_t most_rows) {
  std::vector<Row> rows;
  Row head{"item"};
  for (const Column& column : table.columns()) head.push_back(head_of(column));
  rows.push_back(head);
  const std::int64_t shown = std::min(table.rows(), most_rows);
  for (std::int64_t r = 0; r < shown; ++r) {
    Row row{std::to_string(table.item(r))};
    for (std::size_t c = 0; c < table.columns().size(); ++c)
      row.push_back(cell_text(table.cell(r, static_cast<std::int64_t>(c))));
    rows.push_back(row);
  }
  if (shown < table.rows()) rows.push_back({"... " + std::to_string(table.rows()) + " rows"});
  if (table.rows() > 1) {
    Row mean{"mean"};
    Row deviation{"std"};
    for (const Column& column : table.columns()) {
      const bool real = column.type == Column::Type::real;
      const Moments found = real ? moments(table.reals(column.name)) : Moments{};
      mean.push_back(real ? real_text(found.mean) : "");
      deviation.push_back(real ? real_text(found.deviation) : "");
    }
    rows.push_back(mean);
    rows.push_back(deviation);
  }
  return aligned(rows);
}

void SweepTables::add(const std::string& name, std::size_t point, const Table& table) {
  for (Gathered& gathered : all_)
    if (gathered.name == name && gathered.parts.front().second.columns() == table.columns()) {
      gathered.parts.emplace_back(point, table);
      return;
    }
  all_.push_back({name, {{point, table}}});
}

void SweepTables::write(const std::filesystem::path& file) const {
  std::ostringstream csv;
  for (const auto& [name, parts] : all_) {
    csv << "table";
    for (const std::string& axis : plan_.sweep_axes) csv << "," << csv_text(axis);
    csv << ",item";
    for (const Column& column : parts.front().second.columns()) csv << "," << csv_text(column.name);
    csv << "\n";
    for (const auto& [point, table] : parts)
      for (std::int64_t r = 0; r < table.rows(); ++r) {
        csv << csv_text(name);
        for (const auto& [axis, label] : plan_.points[point].labels) csv << "," << csv_text(label);
        csv << "," << table.item(r);
        for (std::size_t c = 0; c < table.columns().size(); ++c)
          csv << "," << csv_text(cell_text(table.cell(r, static_cast<std::int64_t>(c)), "%.17g"));
        csv << "\n";
      }
  }
  write_text(file, csv.str());
}

std::vector<std::pair<std::string, std::string>> SweepTables::texts() const {
  std::vector<std::pair<std::string, std::string>> texts;
  for (const auto& [name, parts] : all_) {
    std::vector<Row> rows;
    Row head;
    for (const std::string& axis : plan_.sweep_axes) head.push_back(axis);
    std::vector<std::string> columns;
    for (const Column& column : parts.front().second.columns())
      if (column.type == Column::Type::real) {
        columns.push_back(column.name);
        head.push_back("mean " + head_of(column));
      }
    rows.push_back(head);
    for (const auto& [point, table] : parts) {
      Row row;
      for (const auto& [axis, label] : plan_.points[point].labels) row.push_back(label);
      for (const std::string& column : columns)
        row.push_back(real_text(moments(table.reals(column)).mean));
      rows.push_back(row);
    }
    texts.emplace_back(name, aligned(rows));
  }
  return texts;
}

}  // namespace pellucid
