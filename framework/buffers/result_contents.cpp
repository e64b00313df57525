// Reading a result: its datasets, tables and provenance.

#include <algorithm>
#include <cstring>
#include <set>
#include <utility>

#include "buffers/hdf5.h"
#include "buffers/result_file.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;

constexpr const char* kProvenance = "/provenance";

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }
std::string name_of(const std::string& path) { return path.substr(path.rfind('/') + 1); }

std::string text_under(const Attributes& attributes, const std::string& name) {
  const auto found = attributes.find(name);
  if (found == attributes.end()) return "";
  const auto* text = std::get_if<std::string>(&found->second);
  return text == nullptr ? "" : *text;
}

ResultContents::Dataset describe(hid_t dataset, const std::string& path, const fs::path& file) {
  const hdf5::Id type(H5Dget_type(dataset), H5Tclose);
  const auto element = hdf5::element_type(type);
  return {path, element ? element->text() : hdf5::type_text(type), hdf5::shape_of(dataset),
          static_cast<std::int64_t>(H5Dget_storage_size(dataset)),
          hdf5::read_attributes(dataset, file)};
}

Column column_of(hid_t dataset, const std::string& path, const fs::path& file) {
  const hdf5::Id type(H5Dget_type(dataset), H5Tclose);
  const auto element = hdf5::element_type(type).value_or(at::kDouble);
  Column column;
  column.name = name_of(path);
  column.unit = text_under(hdf5::read_attributes(dataset, file), "unit");
  column.width = element.text_width;
  if (element.is_text()) column.type = Column::Type::text;
  else if (element.dtype == at::kBool) column.type = Column::Type::truth;
  else if (H5Tget_class(type) == H5T_INTEGER) column.type = Column::Type::integer;
  return column;
}

/// The first `count` elements of a one-dimensional dataset.
template <class T>
std::vector<T> first_elements(hid_t dataset, hid_t type, std::int64_t count, const fs::path& file) {
  std::vector<T> values(static_cast<std::size_t>(count) * (H5Tget_size(type) / sizeof(T)));
  if (count == 0) return values;
  const hdf5::Id space(H5Dget_space(dataset), H5Sclose);
  const hsize_t offset = 0;
  const auto size = static_cast<hsize_t>(count);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, &offset, nullptr, &size, nullptr);
  const hdf5::Id memory = hdf5::simple_space({count});
  hdf5::checked(H5Dread(dataset, type, memory, space, H5P_DEFAULT, values.data()), "read", file);
  return values;
}

std::vector<Cell> first_cells(hid_t dataset, const Column& column, std::int64_t count,
                              const fs::path& file) {
  std::vector<Cell> cells;
  if (column.type == Column::Type::integer)
    for (const std::int64_t value :
         first_elements<std::int64_t>(dataset, H5T_NATIVE_INT64, count, file))
      cells.emplace_back(value);
  if (column.type == Column::Type::real)
    for (const double value : first_elements<double>(dataset, H5T_NATIVE_DOUBLE, count, file))
      cells.emplace_back(value);
  if (column.type == Column::Type::truth)
    for (const char value :
         first_elements<char>(dataset, hdf5::stored_type(at::kBool), count, file))
      cells.emplace_back(value != 0);
  if (column.type == Column::Type::text) {
    const auto width = static_cast<std::size_t>(column.width);
    const auto bytes = first_elements<char>(
        dataset, hdf5::stored_type(ElementType::text(column.width)), count, file);
    for (std::size_t start = 0; start < bytes.size(); start += width)
      cells.emplace_back(std::string(&bytes[start], strnlen(&bytes[start], width)));
  }
  return cells;
}

/// The number of a column in its table; columns of other programs stay in the order of their names.
std::int64_t position_of(hid_t dataset, const fs::path& file) {
  const Attributes attributes = hdf5::read_attributes(dataset, file);
  const auto found = attributes.find("column");
  if (found == attributes.end()) return 0;
  const auto* position = std::get_if<std::int64_t>(&found->second);
  return position == nullptr ? 0 : *position;
}

/// The datasets of a group that has the column `item`, all of one length and one dimension; empty
/// where they are no table.
std::vector<std::string> table_columns(hid_t file, const std::string& group,
                                       const std::vector<std::string>& paths,
                                       const fs::path& name) {
  std::vector<std::pair<std::int64_t, std::string>> columns;
  const auto length = hdf5::shape_of(hdf5::open_dataset(file, group + "/item", name));
  for (const std::string& path : paths) {
    if (folder_of(path) != group) continue;
    const hdf5::Id dataset = hdf5::open_dataset(file, path, name);
    const hdf5::Id type(H5Dget_type(dataset), H5Tclose);
    if (length.size() != 1 || hdf5::shape_of(dataset) != length || !hdf5::element_type(type))
      return {};
    if (name_of(path) != "item") columns.emplace_back(position_of(dataset, name), path);
  }
  std::sort(columns.begin(), columns.end());
  std::vector<std::string> ordered;
  for (auto& [position, path] : columns) ordered.push_back(std::move(path));
  return ordered;
}

ResultContents::StoredTable stored_table(hid_t file, const std::string& group,
                                         const std::vector<std::string>& columns,
                                         std::int64_t head_rows, const fs::path& name) {
  ResultContents::StoredTable table;
  table.path = group;
  const hdf5::Id item = hdf5::open_dataset(file, group + "/item", name);
  table.rows = hdf5::shape_of(item).front();
  const std::int64_t count = std::min(table.rows, head_rows);
  const auto items = first_elements<std::int64_t>(item, H5T_NATIVE_INT64, count, name);
  std::vector<std::vector<Cell>> cells;
  for (const std::string& path : columns) {
    const hdf5::Id dataset = hdf5::open_dataset(file, path, name);
    table.columns.push_back(column_of(dataset, path, name));
    cells.push_back(first_cells(dataset, table.columns.back(), count, name));
  }
  table.head = Table(table.columns);
  for (std::size_t row = 0; row < items.size(); ++row) {
    std::vector<Cell> in_row;
    for (const auto& column : cells) in_row.push_back(column[row]);
    table.head.add(items[row], std::move(in_row));
  }
  return table;
}

std::string provenance_of(hid_t file, const fs::path& name) {
  const hdf5::Id dataset = hdf5::open_dataset(file, kProvenance, name);
  const hdf5::Id type(H5Dget_type(dataset), H5Tclose);
  const auto element = hdf5::element_type(type);
  if (!element || !element->is_text() || !hdf5::shape_of(dataset).empty()) return "";
  std::string text(static_cast<std::size_t>(element->text_width), '\0');
  hdf5::checked(H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, text.data()), "read", name);
  text.resize(std::min(text.find('\0'), text.size()));
  text.erase(text.find_last_not_of(" \n") + 1);
  return text;
}

}  // namespace

ResultContents read_contents(const fs::path& path, std::int64_t head_rows) {
  const hdf5::Session session;
  const hdf5::Id file = hdf5::open_file(path);
  ResultContents contents;
  contents.attributes = hdf5::read_attributes(file, path);
  contents.version = text_under(contents.attributes, "pellucid");
  const std::vector<std::string> paths = hdf5::dataset_paths(file);
  std::set<std::string> in_tables;
  for (const std::string& item : paths) {
    if (name_of(item) != "item" || folder_of(item).empty()) continue;
    const auto columns = table_columns(file, folder_of(item), paths, path);
    if (columns.empty()) continue;
    contents.tables.push_back(stored_table(file, folder_of(item), columns, head_rows, path));
    in_tables.insert(columns.begin(), columns.end());
    in_tables.insert(item);
  }
  for (const std::string& dataset : paths) {
    if (dataset == kProvenance) contents.provenance = provenance_of(file, path);
    else if (in_tables.count(dataset) == 0)
      contents.datasets.push_back(describe(hdf5::open_dataset(file, dataset, path), dataset, path));
  }
  return contents;
}

std::string read_provenance(const fs::path& path) {
  const hdf5::Session session;
  const hdf5::Id file = hdf5::open_file(path);
  const auto paths = hdf5::dataset_paths(file);
  std::string text;
  if (std::find(paths.begin(), paths.end(), kProvenance) != paths.end())
    text = provenance_of(file, path);
  if (text.empty())
    throw Error("'" + path.string() + "' has no provenance, so it is no result of Pellucid");
  return text;
}

Table read_table(const fs::path& path, const std::string& table) {
  const hdf5::Session session;
  const hdf5::Id file = hdf5::open_file(path);
  const auto columns = table_columns(file, table, hdf5::dataset_paths(file), path);
  if (columns.empty()) throw Error("'" + table + "' of '" + path.string() + "' is no table");
  const auto rows = hdf5::shape_of(hdf5::open_dataset(file, table + "/item", path)).front();
  return stored_table(file, table, columns, rows, path).head;
}

}  // namespace pellucid
