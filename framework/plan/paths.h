// paths: what the settings of a node say about files.
#pragma once

#include <filesystem>
#include <functional>
#include <vector>

#include <pellucid/schema.h>

namespace pellucid {

/// Calls `visit` with every path of one kind (`Field::Type::path` or `output_path`) in the settings.
void visit_paths(Value& settings, const std::vector<Field>& fields, Field::Type kind,
                 const std::function<void(Value&)>& visit);

/// The settings with every input path made absolute; a relative one starts from the folder of the
/// file that it stands in. Patterns and "file.h5:/dataset" are paths like others.
Value with_absolute_paths(const Value& settings, const std::vector<Field>& fields);

/// The files and folders that the settings name and that are there, those that patterns match
/// included, sorted.
std::vector<std::filesystem::path> input_files(const Value& settings,
                                               const std::vector<Field>& fields);

}  // namespace pellucid
