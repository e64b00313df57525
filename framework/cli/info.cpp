// pellucid info: what a result file, or the folder of a run, holds and how it was made.

#include <iostream>

#include <nlohmann/json.hpp>
#include <pellucid/dataset.h>

#include "base/bytes.h"
#include "base/column.h"
#include "base/wrapped.h"
#include "buffers/file.h"
#include "buffers/result_file.h"
#include "cli/actions.h"
#include "cli/outcome.h"
#include "cli/terminal.h"
#include "run/table_text.h"
#include "run/workspace.h"

namespace pellucid {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr std::int64_t kHeadRows = 5;

Json json_of(const Attributes& attributes) {
  Json json = Json::object();
  for (const auto& [name, value] : attributes)
    json[name] = std::visit([](const auto& v) { return Json(v); }, value);
  return json;
}

/// A stored array as an HDF5 or NPY file has it.
ResultContents contents_of(const fs::path& file) {
  if (!fs::exists(file)) throw Error("'" + file.string() + "' does not exist");
  if (file.extension() != ".npy") return read_contents(file, kHeadRows);
  const DatasetReader reader({file, ""});
  ResultContents contents;
  ResultContents::Dataset array;
  array.path = "/";
  array.type = dtype_name(reader.dtype());
  array.shape = reader.shape();
  array.stored_bytes = static_cast<std::int64_t>(fs::file_size(file));
  contents.datasets.push_back(std::move(array));
  return contents;
}

Json json_of(const fs::path& file, const ResultContents& contents) {
  Json arrays = Json::array();
  for (const ResultContents::Dataset& array : contents.datasets)
    arrays.push_back({{"path", array.path},
                      {"type", array.type},
                      {"shape", array.shape},
                      {"bytes", array.stored_bytes},
                      {"attributes", json_of(array.attributes)}});
  Json tables = Json::array();
  for (const ResultContents::StoredTable& table : contents.tables) {
    Json columns = Json::array({{{"name", "item"}, {"type", "integer"}, {"unit", ""}}});
    for (const Column& column : table.columns)
      columns.push_back(
          {{"name", column.name}, {"type", name_of(column.type)}, {"unit", column.unit}});
    Json head = Json::array();
    for (std::int64_t r = 0; r < table.head.rows(); ++r) {
      Json row = Json::array({table.head.item(r)});
      for (std::size_t c = 0; c < table.head.columns().size(); ++c)
        row.push_back(std::visit([](const auto& cell) { return Json(cell); },
                                 table.head.cell(r, static_cast<std::int64_t>(c))));
      head.push_back(std::move(row));
    }
    tables.push_back({{"path", table.path},
                      {"rows", table.rows},
                      {"columns", std::move(columns)},
                      {"head", std::move(head)}});
  }
  Json json{{"file", file.string()}};
  if (!contents.version.empty()) json["pellucid"] = contents.version;
  json["attributes"] = json_of(contents.attributes);
  json["arrays"] = std::move(arrays);
  json["tables"] = std::move(tables);
  if (!contents.provenance.empty())
    json["provenance"] = Json::parse(contents.provenance, nullptr, /*allow_exceptions=*/false);
  return json;
}

std::string text_of(const Attribute& attribute) {
  if (const auto* text = std::get_if<std::string>(&attribute)) return *text;
  if (const auto* number = std::get_if<std::int64_t>(&attribute)) return std::to_string(*number);
  std::string text;
  for (const double number : std::get<std::vector<double>>(attribute)) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.6g", number);
    text += (text.empty() ? "" : " x ") + std::string(digits);
  }
  return text;
}

void print_arrays(const std::vector<ResultContents::Dataset>& arrays) {
  std::size_t width = 0;
  for (const auto& array : arrays) width = std::max(width, array.path.size());
  for (const auto& array : arrays) {
    std::cout << "  " << array.path << std::string(width - array.path.size() + 2, ' ') << array.type
              << " " << (array.shape.empty() ? "single" : shape_text(array.shape)) << ", "
              << bytes_text(array.stored_bytes);
    for (const auto& [name, value] : array.attributes)
      if (const std::string text = text_of(value); !text.empty())
        std::cout << ", " << name << " " << text;
    std::cout << "\n";
  }
}

// Whatever a provenance says of when, where and from what.
void print_provenance(const Json& provenance) {
  if (!provenance.is_object()) return;
  const auto text = [&](const char* key) {
    const auto found = provenance.find(key);
    if (found == provenance.end()) return std::string("?");
    return found->is_string() ? found->get<std::string>() : found->dump();
  };
  const auto count = [&](const char* key) {
    return provenance.contains(key) ? provenance[key].size() : std::size_t{0};
  };
  std::cout << "  " << text("status") << ", from " << text("started") << " to " << text("ended")
            << " on " << text("host") << "\n"
            << "  " << count("nodes") << " nodes, seed " << text("seed") << ", " << text("workers")
            << " x " << text("threads") << " threads, blocks of " << text("block_items") << "\n";
  if (count("inputs") > 0) std::cout << "  " << count("inputs") << " input files\n";
  if (count("plugins") > 0) {
    std::string plugins;
    for (const auto& [name, plugin] : provenance["plugins"].items())
      plugins += (plugins.empty() ? "" : ", ") + name + " " + plugin.value("version", "");
    std::cout << "  plugins " << plugins << "\n";
  }
  if (provenance.value("skipped_items", 0) > 0)
    std::cout << "  " << text("skipped_items") << " items were skipped\n";
}

void print_file(const fs::path& file) {
  const ResultContents contents = contents_of(file);
  std::cout << bold(file.string())
            << (contents.version.empty() ? "" : "  written by Pellucid " + contents.version)
            << "\n";
  if (!contents.datasets.empty()) {
    std::cout << "arrays\n";
    print_arrays(contents.datasets);
  }
  for (const ResultContents::StoredTable& table : contents.tables)
    std::cout << "table " << table.path << ", " << table.rows << " rows\n"
              << indented(table_text(read_table(file, table.path), kHeadRows), 4);
  if (!contents.provenance.empty()) {
    std::cout << "provenance\n";
    print_provenance(Json::parse(contents.provenance, nullptr, /*allow_exceptions=*/false));
  }
}

bool is_array_file(const fs::path& file) {
  return file.extension() == ".h5" || file.extension() == ".hdf5" || file.extension() == ".npy";
}

/// `run.json` of a folder, or what can be said of a run that never wrote one.
Json record_of(const fs::path& folder) {
  const auto plan = recorded_plan(folder);
  if (!plan) throw Error("'" + folder.string() + "' is not the folder of a run");
  if (!fs::exists(folder / "run.json")) return Json{{"status", "not finished"}};
  Json record = Json::parse(read_text(folder / "run.json"), nullptr, /*allow_exceptions=*/false);
  if (!record.is_object())
    throw Error("'" + (folder / "run.json").string() + "' is not the record of a run");
  return record;
}

std::vector<fs::path> results_of(const Json& record) {
  std::vector<fs::path> files;
  if (record.contains("results"))
    for (const Json& file : record["results"]) files.emplace_back(file.get<std::string>());
  return files;
}

void print_folder(const fs::path& folder) {
  const Json record = record_of(folder);
  std::cout << bold(folder.string()) << "  a run, " << record.value("status", "?") << "\n";
  if (record.contains("error")) std::cout << "  " << record.value("error", "") << "\n";
  if (record.contains("nodes")) print_provenance(record);
  for (const fs::path& file : results_of(record)) {
    std::cout << "\n";
    if (!fs::exists(file)) std::cout << bold(file.string()) << "  is no longer there\n";
    else if (is_array_file(file)) print_file(file);
    else
      std::cout << bold(file.string()) << "  " << bytes_text(std::int64_t(fs::file_size(file)))
                << "\n";
  }
}

Json json_of_folder(const fs::path& folder) {
  const Json record = record_of(folder);
  Json results = Json::array();
  for (const fs::path& file : results_of(record))
    if (fs::exists(file) && is_array_file(file))
      results.push_back(json_of(file, contents_of(file)));
  return {{"folder", folder.string()}, {"run", record}, {"results", std::move(results)}};
}

}  // namespace

int show_contents(const Arguments& arguments) {
  const fs::path path = arguments.operand();
  const bool folder = fs::is_directory(path);
  if (arguments.has("json")) {
    const Json json = folder ? json_of_folder(path) : json_of(path, contents_of(path));
    std::cout << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
  } else if (folder) {
    print_folder(path);
  } else {
    print_file(path);
  }
  return number(ExitCode::done);
}

}  // namespace pellucid
